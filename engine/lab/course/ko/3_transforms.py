# %% [markdown]
# # 3. 변환(transform)
#
# `ToTensor`로 그림을 텐서로 바꾸고, `Lambda`와 `scatter_`로 레이블을 원-핫 벡터로 바꿉니다.
#
# 데이터가 처음부터 신경망이 원하는 형태인 경우는 드뭅니다. 변환은 한 형태를 다른 형태로 바꾸는 함수입니다.
# 데이터셋은 샘플을 읽는 순간 이미지에는 `transform`을, 레이블에는 `target_transform`을 적용합니다.

# %%
import numpy as np
import torch
from PIL import Image
from torchvision.transforms import Compose, Lambda, Normalize, ToTensor

import fmnist_tui as ft

# %%
raw = ft.dataset("auto")
picture, label = raw[0]
print(picture, label)

# %% [markdown]
# ## ToTensor
#
# 변환을 주지 않으면 샘플은 PIL 이미지와 정수입니다. `ToTensor`는 이미지에 세 가지 일을 합니다. 텐서로 만들고,
# 채널을 맨 앞에 두고, 0~255의 바이트를 0~1의 실수로 바꿉니다.

# %%
tensor = ToTensor()(picture)
print(tensor.shape, tensor.dtype, tensor.min().item(), tensor.max().item())

# %% [markdown] ask="wide.shape" kind="shape"
# PIL은 크기를 (너비, 높이)로 적습니다. 흑백 그림을 너비 40, 높이 20으로 바꿉니다. 이 그림으로 만든 텐서의
# shape은 무엇일까요?
#
# 이유: 텐서는 행이 먼저이므로 높이가 너비보다 앞에 옵니다. 그래서 [1, 20, 40]입니다. 맨 앞의 1은 흑백
# 채널입니다.

# %%
wide = ToTensor()(picture.resize((40, 20)))
wide.shape

# %% [markdown] ask="grey[0, 0, 0].item()" kind="value"
# 다음 그림은 모든 픽셀이 51입니다. 텐서에서는 얼마가 될까요?
#
# 이유: 51 / 255 = 0.2입니다.

# %%
grey = ToTensor()(Image.new("L", (2, 2), color=51))
grey

# %% [markdown] ask="floats.max().item()" kind="value"
# 이번에는 같은 51을 실수로 담은 NumPy 배열입니다. `ToTensor`를 거치면 가장 큰 값은 얼마일까요?
#
# 이유: `ToTensor`는 바이트(`uint8`)일 때만 255로 나눕니다. 실수는 범위를 알 수 없으므로 그대로 둡니다. 값이
# 255배나 커도 아무런 경고가 없습니다.

# %%
floats = ToTensor()(np.full((2, 2), 51.0))
floats

# %% [markdown]
# ## 원-핫 레이블과 `scatter_`
#
# 어떤 손실 함수는 정답 자리만 1이고 나머지는 0인 벡터, 즉 원-핫(one-hot) 벡터를 출력과 비교합니다.
# `scatter_(dim, index, value)`는 `index`가 가리키는 자리에 값을 써넣습니다.

# %%
torch.zeros(10).scatter_(0, torch.tensor(3), 1)

# %% [markdown] ask="rows.tolist()" kind="value"
# 2차원에서 `dim=1`이면 `index`의 `i`행은 `i`행의 열 번호를 가리킵니다. `rows`는 무엇일까요?
#
# 이유: 0행은 2열에, 1행은 0열에 1을 받습니다. 나머지 자리는 0으로 남습니다.

# %%
rows = torch.zeros(2, 3).scatter_(1, torch.tensor([[2], [0]]), 1)
rows

# %% [markdown]
# `Lambda`는 어떤 함수든 변환으로 만들어 줍니다. 여기서는 레이블을 원-핫 벡터로 바꿉니다.

# %%
one_hot = Lambda(lambda y: torch.zeros(len(raw.classes)).scatter_(0, torch.tensor(y), 1))
train = ft.dataset("auto", transform=ToTensor(), target_transform=one_hot)
image, target = train[0]
print(target, "is", raw.classes[target.argmax()])

# %% [markdown] ask="one_hot(10)" kind="raises"
# 다음 셀은 레이블 9를 인코딩합니다. `one_hot(10)`은 예외를 일으킬까요?
#
# 이유: 길이가 10인 벡터의 자리는 0부터 9까지입니다. `scatter_`는 인덱스 10이 범위를 벗어났다는
# `RuntimeError`를 냅니다. 레이블이 1부터 시작하는 실수도 이렇게 드러납니다.

# %%
one_hot(9)

# %% [markdown]
# ## 여러 변환을 차례로
#
# `Compose`는 변환을 차례로 적용합니다. `Normalize(mean, std)`는 평균을 빼고 표준편차로 나눕니다. 텐서에
# 적용하는 변환이므로 `ToTensor` 뒤에 둡니다.

# %%
pipeline = Compose([ToTensor(), Normalize((0.5,), (0.5,))])

# %% [markdown] ask="[black.item(), white.item()]" kind="value"
# 검은 픽셀(0)과 흰 픽셀(255)은 각각 어떤 값이 될까요? 리스트로 쓰세요.
#
# 이유: `ToTensor`를 거치면 0과 1입니다. 이어서 (0 − 0.5) / 0.5 = −1, (1 − 0.5) / 0.5 = 1이 됩니다.

# %%
black = pipeline(Image.new("L", (1, 1), color=0))
white = pipeline(Image.new("L", (1, 1), color=255))
print(black.item(), white.item())

# %% [markdown]
# *Transforms* 화면(*Data*에서 `T`)은 이런 파이프라인의 단계 하나하나를 실제 이미지로 보여 줍니다.

# %%
image, label = ft.dataset("auto", transform=pipeline)[0]
print(image.shape, "from", image.min().item(), "to", image.max().item())

# %% [markdown]
# 다음은 4장 *모델*(`4_model.py`)입니다. `escape`를 누르면 문서 목록으로 돌아갑니다. 다음 장은
# 이 장 바로 아래에 있습니다.
