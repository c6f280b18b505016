# %% [markdown]
# # 1. 텐서
#
# 리스트와 NumPy로 텐서 만들기, shape·dtype·device, 슬라이싱, 곱셈, 그리고 두 이름이 함께 쓰는 메모리를
# 다룹니다.
#
# 텐서(tensor)는 같은 타입의 숫자를 담는 다차원 배열입니다. 신경망의 입력, 가중치, 기울기가 모두 텐서입니다.
# 셀을 위에서부터 차례로 실행하세요. 어떤 셀 앞에서는 결과를 먼저 예측해 보라는 질문이 나옵니다.

# %%
import numpy as np
import torch

import fmnist_tui as ft

torch.manual_seed(0)
print("PyTorch", torch.__version__)

# %% [markdown]
# ## 리스트와 이미지로 만들기
#
# `torch.tensor`는 숫자를 복사해 새 텐서를 만듭니다. 타입은 숫자를 보고 정합니다. 파이썬 정수는 `int64`,
# 실수는 `float32`가 됩니다.

# %%
scores = torch.tensor([[3, 1, 2], [0, 5, 4]])
scores

# %% [markdown]
# 이 프로그램의 데이터도 그대로 쓸 수 있습니다. `"auto"`는 이 컴퓨터에 Fashion-MNIST가 있으면 그것을, 없으면
# 프로그램이 직접 그린 데모 데이터를 엽니다. 둘 다 28 × 28 픽셀의 흑백 이미지이고 클래스는 열 개입니다.

# %%
train = ft.dataset("auto")
image = torch.tensor(train.images[0])
print(train)
print(image.shape, image.dtype, "from", image.min().item(), "to", image.max().item())

# %% [markdown] ask="str(weights.dtype)" kind="value"
# 다음 리스트에는 정수와 실수가 섞여 있습니다. `weights`의 dtype은 무엇일까요?
#
# 이유: 텐서의 dtype은 하나뿐입니다. 실수가 하나라도 있으면 전체가 기본 실수 타입인 `torch.float32`가 됩니다.

# %%
weights = torch.tensor([1, 0.5, 0.25])
weights

# %% [markdown]
# ## NumPy와 메모리 공유하기
#
# `torch.from_numpy`와 `Tensor.numpy()`는 아무것도 복사하지 않습니다. 배열과 텐서는 같은 메모리를 가리키는 두
# 이름입니다. 그래서 빠르지만, 한쪽에서 값을 바꾸면 다른 쪽에서도 바뀝니다.

# %%
column = torch.ones(4)
same = column.numpy()
own = column.clone().numpy()
print(same, own)

# %% [markdown] ask="same.tolist()" kind="value"
# `add_`는 텐서를 제자리에서(in-place) 바꿉니다. 다음 셀을 실행하고 나면 배열 `same`에는 어떤 값이 들어
# 있을까요?
#
# 이유: `same`은 `column`의 메모리를 그대로 보는 NumPy 배열이므로 함께 바뀝니다. `own`은 복제본(clone)에서
# 만들었으므로 1을 유지합니다.

# %%
column.add_(1)
print(same, own)

# %% [markdown] ask="[n for n in ('a', 'b', 'c') if {'a': a, 'b': b, 'c': c}[n][0] == 7]" kind="names"
# 다음 셀은 배열 하나로 텐서 세 개를 만든 뒤, 배열에 7을 써넣습니다. `a`, `b`, `c` 중 7이 보이는 것은
# 무엇일까요?
#
# 이유: `from_numpy`와 `as_tensor`는 가능하면 배열의 메모리를 그대로 씁니다. `torch.tensor`는 언제나
# 복사합니다.

# %%
array = np.zeros(3)
a = torch.from_numpy(array)
b = torch.tensor(array)
c = torch.as_tensor(array)
array[0] = 7
print(a, b, c, sep="\n")

# %% [markdown]
# ## 다른 텐서와 같은 모양, 상수, 난수
#
# `…_like` 함수는 다른 텐서의 shape, dtype, device를 그대로 가져옵니다. 인자를 주면 그 부분만 바뀝니다.

# %%
print(torch.ones_like(scores))
print(torch.rand_like(scores, dtype=torch.float32))

# %% [markdown]
# `rand`는 0과 1 사이에서, `randn`은 정규분포에서 값을 뽑습니다. `manual_seed`를 같은 값으로 맞추면 같은
# 난수가 나옵니다.

# %%
size = (2, 3)
torch.manual_seed(5)
first = torch.rand(size)
torch.manual_seed(5)
again = torch.rand(size)
print(torch.zeros(size), torch.full(size, 9), torch.arange(6), sep="\n")
print("the same:", torch.equal(first, again))

# %% [markdown]
# ## shape, dtype, device
#
# 텐서를 설명하는 속성은 세 가지입니다. 각 차원의 크기, 숫자의 타입, 그리고 텐서가 놓인 장치입니다.
# 가속기(accelerator)는 GPU가 있다면 GPU를 뜻합니다. `.to`는 텐서를 다른 장치로 옮기거나 dtype을 바꾼 복사본을
# 만듭니다. 바뀔 것이 없으면 텐서 자신을 돌려줍니다.

# %%
print(image.shape, image.dtype, image.device)
device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
moved = image.to(device)
print("accelerator:", device, "- moved to", moved.device)

# %% [markdown]
# 여기서 픽셀은 바이트입니다. 신경망에는 실수가 필요하고, 이 강좌에서는 0에서 1 사이의 값을 씁니다.

# %%
pixels = image.to(torch.float32) / 255
print(pixels.dtype, pixels.max().item())

# %% [markdown]
# ## 슬라이싱
#
# 인덱싱은 NumPy와 같습니다. 첫 번째 인덱스가 행이고, `-1`은 마지막 원소이며, `...`은 적지 않은 나머지 차원
# 전부를 뜻합니다. 슬라이스는 뷰(view)라서 원래 텐서와 메모리를 공유합니다.

# %%
grid = torch.arange(12).reshape(3, 4)
print(grid[0], grid[:, 0], grid[..., -1], grid[1:, 1:3], sep="\n")

# %% [markdown] ask="grid[:, 1].tolist()" kind="value"
# 다음 셀은 슬라이스에 0을 넣습니다. 그 뒤 `grid[:, 1]`은 어떤 값일까요?
#
# 이유: `grid[:2]`는 0행과 1행의 뷰입니다. 뷰에 값을 쓰면 `grid` 자체가 바뀝니다. 2행의 9는 그대로입니다.

# %%
top = grid[:2]
top[:, 1] = 0
grid

# %% [markdown]
# ## 이어 붙이기: cat과 stack
#
# `cat`은 이미 있는 차원을 따라 이어 붙입니다. `stack`은 새 차원을 만들기 때문에 모든 텐서의 shape이 같아야
# 합니다. 이미지 여러 장을 배치 하나로 묶을 때 이렇게 합니다.

# %%
part = torch.rand(2, 3)
print(torch.cat([part, part, part], dim=1).shape)

# %% [markdown] ask="batch.shape" kind="shape"
# 28 × 28 이미지 여덟 장을 쌓습니다. 결과의 shape은 무엇일까요?
#
# 이유: `stack`은 맨 앞에 크기 8인 차원을 새로 만듭니다. `torch.cat`이었다면 세로로 긴 224 × 28 이미지 한 장이
# 됩니다.

# %%
batch = torch.stack([torch.tensor(one) for one in train.images[:8]])
batch.shape

# %% [markdown]
# ## 곱셈
#
# `@`(또는 `matmul`)은 행렬 곱입니다. 행과 열을 곱해 더합니다. `*`(또는 `mul`)는 원소끼리 곱합니다. `out=`을
# 주면 결과를 이미 있는 텐서에 써넣으므로 메모리를 새로 잡지 않습니다.

# %%
m = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
print(m @ m.T, torch.matmul(m, m.T), sep="\n")

# %%
target = torch.empty(2, 2)
torch.matmul(m, m.T, out=target)
print(target)
print(m * m, m.mul(m), torch.mul(m, m, out=target), sep="\n")

# %% [markdown] ask="torch.rand(3, 4) @ torch.rand(3, 4)" kind="raises"
# 다음 셀은 3 × 4와 4 × 3을 행렬 곱합니다. 3 × 4끼리 곱하면 예외가 발생할까요?
#
# 이유: 행렬 곱에서는 왼쪽의 열 수와 오른쪽의 행 수가 같아야 하는데, 4와 3은 다릅니다. 원소끼리 곱하는 `*`라면
# 문제없습니다.

# %%
(torch.rand(3, 4) @ torch.rand(4, 3)).shape

# %% [markdown]
# ## 원소가 하나인 텐서와 in-place 연산
#
# 원소가 하나뿐인 텐서는 `.item()`으로 파이썬 숫자로 바꿀 수 있습니다.

# %%
total = pixels.sum()
print(total, type(total.item()))
print("mean brightness:", round(pixels.mean().item(), 4))

# %% [markdown]
# `add_`, `zero_`, `copy_`처럼 이름이 `_`로 끝나는 메서드는 값을 제자리에서 바꿉니다. 메모리를 아끼지만 원래
# 값은 사라집니다. 기울기를 계산할 때 그 값이 필요할 수 있으므로 신경망에서는 조심해서 씁니다(5장).

# %%
print(m.t_())
print(m.add_(10))

# %% [markdown]
# 다음은 2장 *Dataset과 DataLoader*(`2_data.py`)입니다. `escape`를 누르면 문서 목록으로 돌아갑니다. 다음 장은
# 이 장 바로 아래에 있습니다.
