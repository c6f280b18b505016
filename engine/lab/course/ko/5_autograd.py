# %% [markdown]
# # 5. Autograd
#
# 계산 그래프, backward와 기울기, 그래프가 해제되는 때, 기록 끄기, 파라미터 고정, 벡터–야코비안 곱을 다룹니다.
#
# 학습하려면 파라미터를 바꿀 때 손실이 어떻게 달라지는지, 곧 기울기(gradient)를 알아야 합니다. PyTorch는
# 기울기가 필요한 텐서로 한 계산을 기록해 두었다가 그 기록을 거꾸로 따라갑니다. 이것이 autograd입니다.

# %%
from collections import OrderedDict

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

torch.manual_seed(0)
print("PyTorch", torch.__version__)

# %% [markdown]
# ## 층 하나와 손실
#
# 입력은 다섯 개, 출력은 세 개입니다. `w`와 `b`는 학습할 값이므로 기울기가 필요합니다. 만든 뒤에
# `requires_grad_()`를 불러도 됩니다.

# %%
x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = x @ w + b
loss = binary_cross_entropy_with_logits(z, y)
loss

# %% [markdown]
# 계산 결과는 자신을 만든 연산을 `grad_fn`에 기억합니다. 이 객체들이 그래프의 노드이고, `next_functions`를
# 따라가면 그 앞의 노드가 나옵니다. 그래프는 리프(leaf)에서 끝납니다. 리프는 연산으로 만들어지지 않은
# 텐서입니다.

# %%
print("z:", z.grad_fn)
print("before it:", [node for node, _ in z.grad_fn.next_functions])
print("w is a leaf:", w.is_leaf, "- z is one:", z.is_leaf)

# %% [markdown] ask="[n for n, t in dict(x=x, w=w, b=b, z=z).items() if t.is_leaf and t.grad is not None]" kind="names"
# `backward()`가 기울기를 계산합니다. 그 뒤 `x`, `w`, `b`, `z` 중 `.grad`가 있는 것은 무엇일까요?
#
# 이유: 기울기는 기울기가 필요한 리프에만 저장됩니다. 여기서는 `w`와 `b`입니다. `x`는 기울기가 필요 없고,
# `z`는 리프가 아닙니다. 미리 `z.retain_grad()`를 부르면 `z`의 기울기도 남습니다.

# %%
loss.backward()
print(w.grad)
print(b.grad)

# %% [markdown] ask="loss.backward()" kind="raises"
# 다음 셀은 손실을 새로 계산하고 `backward()`를 한 번 부릅니다. `loss.backward()`를 한 번 더 부르면 예외가
# 발생할까요?
#
# 이유: `backward`는 그래프가 저장해 둔 값을 해제하므로 한 번만 쓸 수 있습니다.
# `backward(retain_graph=True)`로 부르면 다시 쓸 수 있도록 남겨 둡니다. 학습할 때는 스텝마다 그래프를 새로
# 만듭니다.

# %%
w.grad, b.grad = None, None
loss = binary_cross_entropy_with_logits(x @ w + b, y)
loss.backward()

# %% [markdown]
# 오류 메시지도 읽어 볼 만합니다. 해결 방법까지 PyTorch가 알려 줍니다.

# %%
try:
    loss.backward()
except RuntimeError as error:
    print(str(error).split(". ")[0])

# %% [markdown]
# ## 그래프 없이 계산하기
#
# 신경망을 쓰기만 할 때는 기울기가 필요 없습니다. `no_grad()` 안에서는 아무것도 기록하지 않으므로 시간과
# 메모리를 아낍니다. `detach()`는 값은 같지만 그래프에서 떨어져 나온 텐서를 주며, 메모리는 원래 텐서와
# 공유합니다.

# %% [markdown] ask="[n for n, t in dict(p=p, q=q, r=r).items() if t.requires_grad]" kind="names"
# `p`, `q`, `r` 중 기울기가 필요한(`requires_grad`) 것은 무엇일까요?
#
# 이유: `p`는 기울기가 필요한 `w`로 계산했습니다. `q`는 기록을 끈 상태에서 계산했고, `r`은 떼어 낸(detach)
# 텐서입니다.

# %%
p = x @ w
with torch.no_grad():
    q = x @ w
r = p.detach()
print(p, q, r, sep="\n")

# %% [markdown]
# ## 파라미터 고정
#
# 미세 조정(fine-tuning)에서는 학습된 신경망을 가져와 마지막 부분인 헤드(head)만 학습합니다. 나머지 파라미터는
# 기울기를 구하지 않도록 고정(freeze)합니다.

# %% [markdown] ask="[n for n, p in network.named_parameters() if p.grad is not None]" kind="names"
# 작은 신경망의 몸통을 고정했습니다. `backward()` 뒤에 기울기가 있는 파라미터는 무엇일까요? 이름은 `body`나
# `head`에 `weight`나 `bias`를 점으로 이은 것입니다.
#
# 이유: 헤드의 두 파라미터 `head.weight`와 `head.bias`입니다. 몸통은 아무것도 기록하지 않으므로 계산도 그만큼
# 가벼워집니다.

# %%
network = nn.Sequential(OrderedDict(body=nn.Linear(4, 3), relu=nn.ReLU(), head=nn.Linear(3, 2)))
network.body.requires_grad_(False)
network(torch.rand(8, 4)).sum().backward()
for name, parameter in network.named_parameters():
    print(f"{name:12} {'frozen' if parameter.grad is None else 'has a gradient'}")

# %% [markdown]
# ## 기울기는 쌓인다
#
# `backward()`는 이미 있는 기울기에 새 기울기를 더합니다. `inp`의 대각선이 1일 때 (inp + 1)²을 봅시다.
# 미분하면 2 · (inp + 1)이므로 대각선은 4, 나머지는 2입니다. 결과가 숫자 하나가 아니므로 `backward`에는 같은
# shape의 텐서를 넘겨야 합니다. 여기서는 1로 채운 텐서입니다.

# %%
inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2)
out.backward(torch.ones_like(out), retain_graph=True)
print(inp.grad)

# %% [markdown] ask="twice" kind="value"
# 같은 `backward`를 한 번 더 부르면 대각선과 나머지는 각각 얼마일까요? 값 두 개를 리스트로 쓰세요.
#
# 이유: 두 번째 기울기 4와 2가 첫 번째에 더해져 8과 4가 됩니다.

# %%
out.backward(torch.ones_like(out), retain_graph=True)
twice = [inp.grad[0, 0].item(), inp.grad[0, 1].item()]
print(inp.grad)

# %% [markdown] ask="after_zeroing" kind="value"
# 이번에는 기울기를 0으로 만든 뒤에 다시 `backward`를 부릅니다. 두 값은 얼마일까요?
#
# 이유: 0 + 4와 0 + 2입니다. 학습 루프에서 스텝마다 `optimizer.zero_grad()`를 부르는 까닭이 이것입니다.

# %%
inp.grad.zero_()
out.backward(torch.ones_like(out))
after_zeroing = [inp.grad[0, 0].item(), inp.grad[0, 1].item()]
print(inp.grad)

# %% [markdown]
# ## 벡터–야코비안 곱
#
# 모든 출력을 모든 입력으로 미분한 값을 모으면 야코비안(Jacobian) 행렬 J가 됩니다. autograd는 이 행렬을 만들지
# 않습니다. `backward(v)`는 곱 vᵀ·J를 바로 계산합니다. `v`는 출력마다 얼마나 반영할지를 나타냅니다. 앞에서는
# 모든 출력을 똑같이 반영했습니다.

# %% [markdown] ask="point.grad.tolist()" kind="value"
# 출력은 [1, 2, 3]의 제곱이고 `v`는 [1, 0, 10]입니다. 기울기는 무엇일까요? 리스트로 쓰세요.
#
# 이유: 야코비안의 대각선은 2 · point, 즉 2, 4, 6입니다. 여기에 `v`를 곱하면 2, 0, 60입니다.

# %%
point = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
v = torch.tensor([1.0, 0.0, 10.0])
(point**2).backward(v)
point.grad

# %% [markdown]
# 비교해 볼 수 있도록 야코비안 전체를 구했습니다. 파라미터가 669,706개인 신경망이라면 열도 그만큼 많아집니다.

# %%
jacobian = torch.autograd.functional.jacobian(lambda t: t**2, point.detach())
print(jacobian)
print(v @ jacobian)

# %% [markdown]
# 다음은 6장 *최적화*(`6_optimisation.py`)입니다. `escape`를 누르면 문서 목록으로 돌아갑니다. 다음 장은
# 이 장 바로 아래에 있습니다.
