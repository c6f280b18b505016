# %% [markdown]
# # 7. 저장하고 불러오기
#
# `state_dict`와 그 파일, 같은 구조의 신경망에 불러오기, `eval()`과 드롭아웃, 메모리 없이 만드는 큰 신경망,
# 모듈 전체를 담은 피클 파일을 다룹니다.
#
# 학습된 신경망은 코드와 숫자로 이루어집니다. 저장하는 것은 숫자입니다.

# %%
import tempfile
from pathlib import Path

import torch
from torch import nn
from torchvision.models import vgg16

import fmnist_tui as ft

torch.manual_seed(0)
scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)

# %% [markdown]
# ## state_dict
#
# `state_dict()`는 파라미터의 이름과 텐서를 담은 딕셔너리입니다. `torch.save`로 파일에 씁니다. 여기서는 임시
# 폴더에 저장합니다.


# %%
class Small(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.hidden = nn.Linear(784, width)
        self.output = nn.Linear(width, 10)

    def forward(self, images):
        return self.output(self.hidden(images.flatten(1)).relu())


# %% [markdown] ask="list(saved)" kind="names"
# 이 신경망에는 `hidden`과 `output`이라는 선형 층이 두 개 있습니다. `state_dict`에는 어떤 이름이 들어
# 있을까요?
#
# 이유: 선형 층마다 weight와 bias가 있고, 이름은 거기에 이르는 경로입니다. flatten과 ReLU에는 저장할 것이
# 없습니다.

# %%
model = Small()
saved = model.state_dict()
torch.save(saved, folder / "small.pth")
for name, tensor in saved.items():
    print(name, list(tensor.shape))
print((folder / "small.pth").stat().st_size, "bytes")

# %% [markdown]
# 불러올 때는 먼저 같은 신경망을 만듭니다. 그러면 `load_state_dict`가 숫자를 복사해 넣습니다. 요즘 PyTorch의
# 기본값인 `weights_only=True`는 파일에서 텐서와 단순한 값만 받아들이고 나머지는 거부합니다.

# %%
again = Small()
again.load_state_dict(torch.load(folder / "small.pth", weights_only=True))

# %% [markdown] ask="torch.equal(model(batch), again(batch))" kind="value"
# 이제 두 신경망의 출력은 완전히 같을까요? 예/아니요로 답하세요.
#
# 이유: 같습니다. 같은 컴퓨터에서 같은 코드와 같은 숫자로 계산하면 결과가 비트까지 같습니다.

# %%
batch = torch.rand(5, 1, 28, 28)
print(model(batch)[0, :3], again(batch)[0, :3], sep="\n")

# %% [markdown] ask="Small(width=32).load_state_dict(saved)" kind="raises"
# 다음 셀은 은닉 유닛이 16개가 아니라 32개인 신경망을 만듭니다. 여기에 같은 가중치를 불러오면 예외가
# 발생할까요?
#
# 이유: [16, 784] 텐서는 [32, 784] 자리에 들어가지 않습니다. `RuntimeError`가 맞지 않는 파라미터를 하나하나
# 알려 줍니다.

# %%
print(Small(width=32))

# %% [markdown]
# 이 프로그램도 파일 안의 어떤 코드도 실행하지 않고 파일을 읽습니다. `fmnist-tui inspect FILE`이나
# *Checkpoints* 화면에서 볼 수 있습니다.

# %%
ft.tensor(folder / "small.pth", "output.bias")

# %% [markdown]
# ## train()과 eval()
#
# 어떤 층은 학습할 때 다르게 동작합니다. `Dropout(p)`은 값을 확률 `p`로 0으로 만들고, 평균이 유지되도록
# 나머지를 1 − p로 나눕니다. 불러온 뒤에는 `eval()`을 부르세요. 그러지 않으면 예측할 때마다 결과가 달라집니다.

# %%
dropout = nn.Dropout(p=0.5)
ones = torch.ones(1000)

# %% [markdown] ask="sorted(set(in_training.tolist()))" kind="value"
# 1이 천 개 든 텐서를 학습 모드에서 p = 0.5인 드롭아웃에 통과시킵니다. 나오는 값의 종류를 정렬한 리스트로 쓰면
# 무엇일까요?
#
# 이유: 절반쯤은 0입니다. 나머지는 1 / (1 − 0.5) = 2입니다.

# %%
dropout.train()
in_training = dropout(ones)
print(in_training[:10], "mean:", in_training.mean().item())

# %% [markdown] ask="torch.equal(in_use, ones)" kind="value"
# `dropout.eval()` 뒤에는 1이 그대로 나올까요? 예/아니요로 답하세요.
#
# 이유: 그대로 나옵니다. 평가 모드에서 드롭아웃은 아무 일도 하지 않습니다. `ft.load`는 평가 모드의 신경망을
# 돌려줍니다.

# %%
dropout.eval()
in_use = dropout(ones)
print(in_use[:10], "mean:", in_use.mean().item())

# %% [markdown]
# ## 큰 신경망
#
# VGG16은 사진을 분류하는 신경망으로 torchvision에 들어 있습니다. 학습된 가중치 파일은 528 MB인데, 여기서는
# 내려받지 않고 무작위 가중치를 씁니다. `meta` 장치의 텐서는 shape만 있고 메모리는 차지하지 않으므로, 신경망
# 전체를 부담 없이 들여다볼 수 있습니다.

# %%
with torch.device("meta"):
    large = vgg16(weights=None)
count = sum(parameter.numel() for parameter in large.parameters())
print(f"{count:,} parameters;", "the last layer:", large.classifier[-1])

# %% [markdown] ask="size" kind="value"
# 파라미터는 138,357,544개이고 하나에 4바이트입니다. 모두 몇 MiB(2²⁰바이트)쯤 될까요? 곱셈이나 나눗셈 식으로
# 써도 됩니다.
#
# 이유: 138,357,544 · 4 / 1,048,576 ≈ 528입니다. 100만 바이트 단위로 세는 도구에서는 같은 파일이 553 MB로
# 나옵니다.

# %%
size = count * 4 / 2**20
print(f"{size:.1f} MiB")

# %% [markdown]
# 합성곱 부분 56 MiB만 저장했다가 불러옵니다. `to_empty`는 메모리를 할당하고, `assign=True`는 `meta` 텐서에
# 값을 복사하는 대신 파일의 텐서로 바꿔 끼웁니다.

# %%
features = large.features.to_empty(device="cpu")
for parameter in features.parameters():
    nn.init.normal_(parameter, std=0.01)
torch.save(features.state_dict(), folder / "features.pth")

# %%
with torch.device("meta"):
    other = vgg16(weights=None).features
other.load_state_dict(torch.load(folder / "features.pth", weights_only=True, mmap=True), assign=True)
with torch.no_grad():
    print(other.eval()(torch.rand(1, 3, 224, 224)).shape)

# %% [markdown]
# ## 모듈 전체를 저장한 파일을 믿으면 안 되는 이유
#
# `torch.save(model, …)`는 pickle로 모듈 전체를 저장합니다. 이런 파일에는 클래스 이름이 들어 있어서, 저장할
# 때의 코드가 있어야 열 수 있습니다. 게다가 아무 함수나 적어 넣을 수 있고, 그 함수는 파일을 읽는 동안
# 실행됩니다.

# %%
torch.save(model, folder / "whole.pth")
whole = torch.load(folder / "whole.pth", weights_only=False)
print(whole)


# %%
class Surprise:
    def __reduce__(self):
        return print, ("this line was printed by a file that was only opened",)


torch.save(Surprise(), folder / "surprise.pth")

# %% [markdown] ask="torch.load(folder / 'surprise.pth', weights_only=True)" kind="raises"
# 다음 셀은 `weights_only=False`로 surprise 파일을 엽니다. `weights_only=True`로 열면 예외가 발생할까요?
#
# 이유: 안전하다고 정해 둔 이름만 허용하는데 `print`는 그 목록에 없으므로 `UnpicklingError`가 납니다. 그 한
# 줄이 여러분의 파일을 지우는 코드일 수도 있었습니다. 그러니 공유할 때는 state_dict를 쓰고, 남의 파일은
# `weights_only=True`나 safetensors로 여세요.

# %%
torch.load(folder / "surprise.pth", weights_only=False)

# %%
scratch.cleanup()

# %% [markdown]
# 여기까지가 마지막 장입니다. `escape`를 누르면 문서 목록으로 돌아갑니다. 이제 *Train*(`2`)에서 직접 학습을 시작하고,
# *Data*에서 `F`를 눌러 이미지 하나를 그 신경망에 통과시켜 보세요.
