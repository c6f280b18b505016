# %% [markdown]
# # 2. Dataset과 DataLoader
#
# PyTorch가 말하는 데이터셋이란 무엇인지, 클래스 이름, 무작위 샘플 살펴보기, CSV로 나만의 데이터셋 만들기,
# 배치를 다룹니다.
#
# `Dataset`은 두 가지 질문에 답합니다. 샘플이 몇 개인가, 그리고 `i`번째 샘플은 무엇인가. `DataLoader`는 이
# 질문을 던져 얻은 답을 배치로 묶습니다.

# %%
import random
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

import fmnist_tui as ft

# %% [markdown]
# ## Fashion-MNIST
#
# torchvision에는 같은 데이터를 여는 클래스가 있고 인자는 네 개입니다. `root`는 파일이 있는 폴더, `train`은
# 학습용인지 테스트용인지, `download`는 없는 파일을 내려받을지, `transform`은 이미지마다 적용할 함수입니다.
# 코드로는 다음과 같습니다.
#
# `torchvision.datasets.FashionMNIST(root="data", train=True, download=True, transform=ToTensor())`
#
# 여기서는 프로그램이 데이터를 열고, 아무것도 내려받지 않습니다. `"auto"`는 이 컴퓨터에 Fashion-MNIST가 있으면
# 그것을, 없으면 데모 데이터를 뜻합니다.

# %%
train = ft.dataset("auto", "train", transform=ToTensor())
test = ft.dataset("auto", "test", transform=ToTensor())
print(train, test, sep="\n")

# %% [markdown] ask="image.shape" kind="shape"
# 샘플은 이미지와 레이블의 쌍입니다. 그림은 28 × 28 흑백 픽셀이고 `ToTensor`가 이를 텐서로 바꿉니다. 이 텐서의
# shape은 무엇일까요?
#
# 이유: `ToTensor`는 채널을 맨 앞에 둡니다. 흑백은 채널이 하나이므로 [1, 28, 28]입니다. 컬러 이미지라면 채널이
# 세 개입니다.

# %%
image, label = train[0]
print(image.shape, image.dtype, label)

# %% [markdown]
# 레이블은 0부터 9까지의 숫자입니다. 이름은 `classes`에 있습니다.

# %%
for number, name in enumerate(train.classes):
    print(number, name)
print("sample 0 is:", train.classes[label])

# %% [markdown] ask="train[len(train)]" kind="raises"
# 다음 셀은 마지막 샘플을 읽습니다. `train[len(train)]`은 예외를 일으킬까요?
#
# 이유: 샘플은 0부터 세므로 마지막 인덱스는 `len(train) - 1`입니다. 데이터셋을 `for`로 돌 때 반복이 끝나는
# 것도 이 `IndexError` 덕분입니다.

# %%
last, label = train[len(train) - 1]
train.classes[label]

# %% [markdown]
# ## 아홉 장 살펴보기
#
# 무작위로 몇 장만 봐도 숫자로는 드러나지 않는 실수를 찾을 수 있습니다. 뒤집힌 이미지나 하나씩 밀린 레이블
# 같은 것들입니다.

# %%
figure, axes = plt.subplots(3, 3, figsize=(5, 5))
for axis in axes.flat:
    image, label = train[random.randrange(len(train))]
    axis.imshow(image.squeeze(), cmap="gray")
    axis.set_title(train.classes[label], fontsize=8)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## 나만의 데이터
#
# 내 이미지는 보통 폴더에 파일로 있고 레이블은 표에 적혀 있습니다. 먼저 그런 폴더를 만들어 봅시다. 클래스마다
# 이미지 여섯 장을 PNG로 저장하고, 한 줄에 `file,label`을 적은 `annotations.csv`를 씁니다. (*Data* 화면에서
# `e`를 눌러도 같은 것이 만들어집니다.) 폴더는 임시 폴더입니다.

# %%
scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)
(folder / "images").mkdir()
rows = []
for number in range(len(train.classes)):
    for index in (train.targets == number).nonzero().flatten()[:6].tolist():
        name = f"{index:05}.png"
        Image.fromarray(train.images[index]).save(folder / "images" / name)
        rows.append((name, number))
pd.DataFrame(rows, columns=["file", "label"]).to_csv(folder / "annotations.csv", index=False)
print((folder / "annotations.csv").read_text()[:40])

# %% [markdown]
# 나만의 데이터셋은 메서드 세 개로 된 클래스입니다. `__init__`은 표를 읽고, `__len__`은 줄 수를 세고,
# `__getitem__`은 이미지 한 장을 엽니다. 필요해지기 전에는 어떤 이미지도 열지 않으므로 폴더가 메모리보다 커도
# 됩니다. `transform`은 이미지에, `target_transform`은 레이블에 적용합니다.


# %%
class CustomImageDataset(Dataset):
    def __init__(self, annotations, images, transform=None, target_transform=None):
        self.table = pd.read_csv(annotations)
        self.images = Path(images)
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table.iloc[index]
        image, label = Image.open(self.images / row["file"]), int(row["label"])
        if self.transform:
            image = self.transform(image)
        if self.target_transform:
            label = self.target_transform(label)
        return image, label


# %% [markdown] ask="len(mine)" kind="value"
# 클래스는 열 개이고, 클래스마다 여섯 장씩 저장했습니다. `len(mine)`은 얼마일까요?
#
# 이유: `len`은 표의 줄을 세는 `__len__`을 부릅니다. 첫 줄 `file,label`은 pandas가 헤더로 읽으므로 60개에
# 들어가지 않습니다.

# %%
mine = CustomImageDataset(folder / "annotations.csv", folder / "images", transform=ToTensor())
image, label = mine[59]
print(len(mine), image.shape, mine.table["label"].nunique(), "classes")

# %% [markdown] ask="shouted" kind="value"
# `target_transform`에는 어떤 함수든 쓸 수 있습니다. 레이블 1은 `"Trouser"`입니다. 다음 셀에서 6번 샘플의
# 레이블 `shouted`는 무엇일까요?
#
# 이유: 0번부터 5번까지가 클래스 0이므로 6번은 클래스 1의 첫 샘플입니다. 함수가 이름을 찾아 대문자로 바꿉니다.

# %%
loud = CustomImageDataset(
    folder / "annotations.csv", folder / "images", target_transform=lambda label: train.classes[label].upper()
)
image, shouted = loud[6]
print(type(image).__name__, shouted)

# %% [markdown]
# ## 배치
#
# 신경망은 샘플 여러 개를 묶은 배치로 학습합니다. `DataLoader`가 샘플을 쌓아 배치를 만듭니다.
# `shuffle=True`이면 에폭(epoch), 곧 데이터 전체를 한 번 도는 단위마다 순서가 달라집니다.

# %%
train_loader = DataLoader(train, batch_size=64, shuffle=True)
test_loader = DataLoader(test, batch_size=64)

# %% [markdown] ask="features.shape" kind="shape"
# `iter`로 에폭을 시작하고 `next`로 배치 하나를 꺼냅니다. `features`의 shape은 무엇일까요?
#
# 이유: [1, 28, 28] 이미지 64장을 쌓으면 [64, 1, 28, 28]이 됩니다. 차례로 배치, 채널, 높이, 너비입니다.
# 레이블은 이미지마다 숫자 하나이므로 [64]입니다.

# %%
features, labels = next(iter(train_loader))
print(features.shape, labels.shape)

# %% [markdown] ask="[len(labels) for _, labels in DataLoader(mine, batch_size=25)]" kind="value"
# `mine`의 샘플 60개를 25개씩 배치로 묶습니다. 배치들의 크기를 리스트로 쓰면 무엇일까요?
#
# 이유: 마지막 배치에는 남은 것만 들어갑니다. 25 + 25 + 10입니다. `drop_last=True`를 주면 마지막 배치를
# 버립니다.

# %%
small = DataLoader(mine, batch_size=25)
print(len(small), "batches:", [len(labels) for _, labels in small])

# %% [markdown]
# `num_workers=2`이면 신경망이 앞 배치를 계산하는 동안 프로세스 두 개가 다음 샘플을 읽습니다. 큰 JPEG 파일처럼
# 읽기가 느릴 때 도움이 됩니다. 프로세스는 반복을 시작할 때 뜨고, 저마다 메모리를 씁니다. 여기서는 모든
# 데이터가 메모리에 있으므로 기본값 0이 가장 좋습니다. (*Batches* 화면에서 잴 수 있습니다. *Data*에서 `B`,
# 이어서 `#`을 누르세요.)

# %%
parallel = DataLoader(train, batch_size=64, num_workers=2)
print(parallel.num_workers, "processes, not started yet;", len(parallel), "batches")
scratch.cleanup()

# %% [markdown]
# 다음은 3장 *변환(transform)*(`3_transforms.py`)입니다. `escape`를 누르면 문서 목록으로 돌아갑니다. 다음 장은
# 이 장 바로 아래에 있습니다.
