# %% [markdown]
# # 4. 모델
#
# 장치 고르기, `nn.Module`로 만드는 신경망, 로짓과 소프트맥스와 예측 클래스, 층마다 달라지는 shape, 파라미터를
# 다룹니다.
#
# 신경망은 학습되는 숫자, 곧 파라미터를 가진 함수입니다. PyTorch에서는 신경망이 모듈(module)이고, 모듈은 더
# 작은 모듈로 이루어집니다.

# %%
import torch
from torch import nn
from torchvision.transforms import ToTensor

import fmnist_tui as ft

torch.manual_seed(0)
train = ft.dataset("auto", transform=ToTensor())

# %% [markdown]
# ## 장치
#
# GPU는 큰 행렬 곱을 훨씬 빠르게 계산합니다. 모델과 데이터는 같은 장치에 있어야 하므로, 장치를 한 번 골라 두고
# 어디서나 그 이름을 씁니다.

# %%
device = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
print("this machine computes on:", device)

# %% [markdown]
# ## 신경망 클래스
#
# `__init__`에서 층을 만들고, `forward`에 입력이 층을 지나는 순서를 적습니다. 층을 속성에 대입하면 그
# 파라미터가 모듈에 등록됩니다. `forward`를 직접 부르지 말고 모델을 함수처럼 호출하세요. 그래야 훅(hook)도
# 함께 실행됩니다.


# %%
class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28 * 28, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
        )

    def forward(self, images):
        return self.linear_relu_stack(self.flatten(images))


# %%
model = NeuralNetwork().to(device)
print(model)

# %% [markdown]
# 프로그램에 들어 있는 `mlp`는 층과 이름이 이 클래스와 같습니다. 그래서 그 가중치를 이 클래스에 그대로 넣을 수
# 있고, 반대로 여러분의 가중치도 프로그램에서 열 수 있습니다.

# %%
model.load_state_dict(ft.load("mlp").state_dict())

# %% [markdown]
# ## 로짓에서 클래스로
#
# 신경망은 이미지마다 숫자 열 개를 내놓습니다. 이것이 로짓(logit)이고, 값의 범위에는 제한이 없습니다.
# `softmax`는 로짓을 확률로 바꾸고, `argmax`는 가장 큰 것을 고릅니다. 이 신경망은 아직 배운 것이 없으므로
# 예측은 찍기나 다름없습니다.

# %%
images = torch.stack([train[index][0] for index in range(3)]).to(device)
with torch.no_grad():
    logits = model(images)
print(logits.shape)

# %% [markdown] ask="probabilities.sum(dim=1).tolist()" kind="value"
# 이미지는 세 장입니다. 이미지마다 확률을 모두 더하면 얼마일까요? 리스트로 쓰세요.
#
# 이유: 로짓이 어떤 값이든 `softmax(dim=1)`은 각 행의 숫자 열 개를 양수로 만들고 합을 1로 맞춥니다.

# %%
probabilities = logits.softmax(dim=1)
print(probabilities[0])
print("predicted:", [train.classes[number] for number in logits.argmax(dim=1)])

# %% [markdown]
# ## 한 층씩
#
# 이제 이미지 세 장짜리 배치로 층을 하나씩 지나가 봅시다.

# %%
batch = torch.rand(3, 28, 28)
print(batch.shape)

# %% [markdown] ask="flat.shape" kind="shape"
# `nn.Flatten`은 첫 번째 차원인 배치는 그대로 두고 나머지를 하나로 폅니다. 그 뒤의 shape은 무엇일까요?
#
# 이유: 이미지 세 장마다 28 × 28 = 784개의 픽셀이 한 줄로 늘어섭니다. 그래서 [3, 784]입니다.

# %%
flat = nn.Flatten()(batch)
flat.shape

# %% [markdown] ask="hidden.shape" kind="shape"
# `nn.Linear(784, 20)`은 입력 784개의 가중합 20개를 구하고 각각 편향을 더합니다. 출력의 shape은 무엇일까요?
#
# 이유: 마지막 차원 784가 20이 되고 배치는 그대로입니다. 그래서 [3, 20]입니다.

# %%
linear = nn.Linear(28 * 28, 20)
hidden = linear(flat)
hidden.shape

# %% [markdown] ask="nn.Linear(28 * 28, 20)(torch.rand(3, 28, 28))" kind="raises"
# 펴지 않은 [3, 28, 28] 배치를 같은 층에 넣으면 예외가 발생할까요?
#
# 이유: 선형 층은 마지막 차원만 봅니다. 784가 필요한데 28이므로 행렬의 크기가 맞지 않습니다.

# %%
print("weight", linear.weight.shape, "bias", linear.bias.shape)

# %% [markdown] ask="nn.ReLU()(torch.tensor([-1.5, 0.0, 2.0])).tolist()" kind="value"
# `ReLU`는 선형 층 사이에 둡니다. 이것이 없으면 선형 층을 여러 개 쌓아도 하나와 다를 바 없습니다. [−1.5, 0,
# 2]는 무엇이 될까요?
#
# 이유: ReLU는 max(0, x)입니다. 음수는 0이 되고 나머지는 그대로입니다.

# %%
print("before:", hidden[0, :6])
print("after: ", nn.ReLU()(hidden)[0, :6])

# %% [markdown]
# `nn.Sequential`은 여러 모듈을 순서대로 적용하는 모듈입니다.

# %%
sequence = nn.Sequential(nn.Flatten(), linear, nn.ReLU(), nn.Linear(20, 10))
sequence(batch).shape

# %% [markdown]
# ## 파라미터
#
# `named_parameters()`는 모든 파라미터를 차례로 내줍니다. 이름은 그 파라미터에 이르는 속성의 경로입니다.
# `Sequential` 안에서는 속성 이름이 숫자입니다.

# %%
for name, parameter in model.named_parameters():
    print(f"{name:27} {list(parameter.shape)!s:11} {parameter.flatten()[0]:8.4f} …")

# %% [markdown] ask="sorted({type(m).__name__ for m in model.modules() if list(m.parameters(recurse=False))})" kind="names"
# 이 신경망은 `Flatten`, `Linear`, `ReLU`로 이루어져 있습니다. 이 가운데 자기 파라미터를 가진 것은 무엇일까요?
#
# 이유: 한 줄로 펴거나 음수를 0으로 바꾸는 데에는 학습할 것이 없습니다. 가중치와 편향은 모두 세 `Linear` 층에
# 있습니다.

# %%
for name, module in model.named_modules():
    own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
    print(f"{name or '(the model)':20} {type(module).__name__:14} {own:7,}")

# %% [markdown] ask="sum(p.numel() for p in model.parameters())" kind="value"
# 신경망 전체가 배우는 숫자는 몇 개일까요? `784*512 + 512 + …`처럼 식으로 써도 됩니다.
#
# 이유: 선형 층마다 입력 × 출력 개의 가중치와 출력마다 하나씩의 편향이 있습니다. 401,920 + 262,656 + 5,130 =
# 669,706입니다.

# %%
total = sum(parameter.numel() for parameter in model.parameters())
print(f"{total:,} parameters, {total * 4 / 2**20:.1f} MiB as float32")

# %% [markdown]
# 다음은 5장 *Autograd*(`5_autograd.py`)입니다. `escape`를 누르면 문서 목록으로 돌아갑니다. 다음 장은
# 이 장 바로 아래에 있습니다.
