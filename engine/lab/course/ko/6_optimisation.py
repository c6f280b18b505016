# %% [markdown]
# # 6. 최적화
#
# 에폭·배치 크기·학습률, 손실 함수 세 가지, 옵티마이저 세 가지, 그리고 학습 루프와 테스트 루프를 다룹니다.
#
# 학습은 한 스텝을 되풀이하는 일입니다. 예측하고, 오차를 재고, 오차의 기울기를 구하고, 파라미터를 기울기 반대
# 방향으로 조금 옮깁니다.

# %%
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fmnist_tui as ft

torch.manual_seed(0)
splits = {name: ft.dataset("auto", name) for name in ("train", "test")}
print(splits["train"])

# %% [markdown]
# 학습용과 테스트용 모두 메모리에 들어가므로, 이미지를 각각 텐서 하나로 바꿔 둡니다. 에폭마다 이미지를 다시
# 변환하는 것보다 빠릅니다.

# %%
sets = {}
for name, split in splits.items():
    images = torch.from_numpy(split.images.copy()).unsqueeze(1) / 255
    sets[name] = TensorDataset(images, split.targets)
    print(name, images.shape)

# %% [markdown]
# ## 정해야 할 숫자 세 가지
#
# 에폭(epoch)은 학습 데이터를 한 번 도는 것입니다. 배치 크기는 한 스텝에 보는 샘플의 수입니다. 학습률(learning
# rate)은 한 번에 얼마나 옮길지를 정합니다. 너무 작으면 시간이 오래 걸리고, 너무 크면 수렴하지 않습니다.

# %%
epochs, batch_size, learning_rate = 1, 64, 1e-3
train_loader = DataLoader(sets["train"], batch_size=batch_size)
test_loader = DataLoader(sets["test"], batch_size=batch_size)

# %% [markdown] ask="steps" kind="value"
# 한 에폭은 몇 스텝일까요? 학습 데이터의 크기는 위에 나와 있습니다.
#
# 이유: 샘플 수를 64로 나누어 올림한 값입니다. 마지막 배치는 더 작을 수 있습니다. 이미지가 60,000장이면 938,
# 6,000장이면 94입니다.

# %%
steps = len(train_loader)
steps

# %% [markdown]
# ## 손실 함수
#
# 손실(loss)은 출력이 얼마나 틀렸는지를 숫자 하나로 나타냅니다. 분류에는 `CrossEntropyLoss`를 씁니다. 로짓을
# 받아, 소프트맥스가 정답 클래스에 준 확률 p로 −log p를 구합니다.

# %% [markdown] ask="clueless.item()" kind="value"
# 로짓 열 개가 모두 0이면 클래스마다 확률이 1/10입니다. 손실은 얼마일까요? (10의 자연로그는 약 2.303입니다.)
#
# 이유: −log(1/10) = log 10 ≈ 2.303입니다. 새로 만든 신경망의 손실은 이 값 근처에서 시작합니다. 훨씬 큰 값에서
# 시작한다면 어딘가 실수가 있는지 살펴보세요.

# %%
clueless = nn.CrossEntropyLoss()(torch.zeros(1, 10), torch.tensor([3]))
print(clueless.item(), math.log(10))

# %% [markdown] ask="torch.allclose(nll, cross_entropy)" kind="value"
# `NLLLoss`는 로짓 대신 로그 확률을 받습니다. `log_softmax(logits)`의 `NLLLoss`는 `logits`의 교차 엔트로피와
# 같을까요? 예/아니요로 답하세요.
#
# 이유: 같습니다. `CrossEntropyLoss`는 `log_softmax`와 `NLLLoss`를 합친 것이고, 수치적으로 더 정확하게
# 계산합니다.

# %%
logits, labels = torch.randn(4, 10), torch.tensor([1, 0, 7, 3])
cross_entropy = nn.CrossEntropyLoss()(logits, labels)
nll = nn.NLLLoss()(logits.log_softmax(dim=1), labels)
print(cross_entropy.item(), nll.item())

# %% [markdown] ask="squared.item()" kind="value"
# `MSELoss`는 출력이 수량일 때 쓰는 손실로, 차이를 제곱해 평균 낸 값입니다. [1, 2, 3]과 [1, 2, 6]의 MSE는
# 얼마일까요?
#
# 이유: 차이는 0, 0, 3이고 제곱하면 0, 0, 9입니다. 평균은 3입니다.

# %%
squared = nn.MSELoss()(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 6.0]))
squared

# %% [markdown]
# ## 옵티마이저
#
# 옵티마이저(optimizer)는 파라미터를 들고 있다가 기울기에 따라 옮깁니다. 한 스텝은 세 번의 호출입니다.
# `zero_grad()`로 이전 기울기를 지우고, `loss.backward()`로 새 기울기를 구하고, `optimizer.step()`으로
# 파라미터를 옮깁니다. `SGD`는 학습률 × 기울기를 뺍니다.

# %% [markdown] ask="number.item()" kind="value"
# 파라미터는 1, 손실은 3 · 파라미터, SGD의 학습률은 0.1입니다. 한 스텝 뒤 파라미터는 얼마일까요?
#
# 이유: 기울기가 3이므로 1 − 0.1 · 3 = 0.7입니다.

# %%
number = nn.Parameter(torch.tensor(1.0))
optimizer = torch.optim.SGD([number], lr=0.1)
optimizer.zero_grad()
(3 * number).backward()
optimizer.step()
print(number)

# %% [markdown] ask="forgetful.item()" kind="value"
# 다시 1에서 시작해 두 스텝을 가는데, `zero_grad()`를 빠뜨렸습니다. 파라미터는 얼마가 될까요?
#
# 이유: 첫 스텝에서 0.1 · 3을 뺍니다. 두 번째 기울기는 첫 번째에 더해지므로 0.1 · 6을 뺍니다. 그래서 1 − 0.3 −
# 0.6 = 0.1입니다. `zero_grad()`를 불렀다면 0.4입니다.

# %%
forgetful = nn.Parameter(torch.tensor(1.0))
optimizer = torch.optim.SGD([forgetful], lr=0.1)
for _ in range(2):
    (3 * forgetful).backward()
    optimizer.step()
print(forgetful)

# %% [markdown] ask="[round(moved, 3) for moved in first_steps]" kind="value"
# `Adam`은 기울기를 최근 기울기의 크기로 나누어 씁니다. 학습률은 0.1입니다. 손실이 3 · 파라미터일 때와 300 ·
# 파라미터일 때, 첫 스텝에 파라미터는 각각 얼마나 움직일까요? 값 두 개를 리스트로 쓰세요.
#
# 이유: 둘 다 0.1입니다. 첫 스텝에서는 기울기를 자기 크기로 나누므로 부호와 학습률만 남습니다.

# %%
first_steps = []
for factor in (3, 300):
    number = nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.Adam([number], lr=0.1)
    (factor * number).backward()
    optimizer.step()
    first_steps.append(1 - number.item())
print(first_steps)

# %% [markdown]
# ## 두 루프
#
# `train()`과 `eval()`은 학습할 때와 쓸 때 다르게 동작하는 층을 전환합니다(7장). 4장의 신경망에는 그런 층이
# 없지만, 습관을 들여 두어 손해 볼 것은 없습니다. 테스트할 때는 그래프가 필요 없습니다.


# %%
def train_epoch(model, loss_fn, optimizer, most=None):
    model.train()
    losses = []
    for images, labels in train_loader:
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) == most:
            break
    return losses


# %%
def evaluate(model, loss_fn):
    model.eval()
    losses, right = [], 0
    with torch.no_grad():
        for images, labels in test_loader:
            logits = model(images)
            losses.append(loss_fn(logits, labels).item())
            right += (logits.argmax(dim=1) == labels).sum().item()
    return right / len(sets["test"]), sum(losses) / len(losses)


# %%
model = ft.load("mlp")
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
for epoch in range(epochs):
    losses = train_epoch(model, loss_fn, optimizer)
    accuracy, test_loss = evaluate(model, loss_fn)
    print("first losses:", [round(loss, 3) for loss in losses[:5]])
    print(f"epoch {epoch + 1}: accuracy {accuracy:.1%}, test loss {test_loss:.4f}")

# %% [markdown]
# ## 10 에폭
#
# Fashion-MNIST로 10 에폭을 학습하는 데는 명령 하나면 됩니다. `fmnist-tui train --dataset fashion-mnist`의
# 기본값이 바로 이 설정입니다. 시드 여섯 개로 잰 평균 ± 표준편차는 다음과 같습니다.
#
# | 에폭 | 테스트 정확도(%) | 테스트 손실 |
# |---|---|---|
# | 1 | 45.3 ± 2.9 | 2.1593 ± 0.0050 |
# | 2 | 56.8 ± 1.7 | 1.8927 ± 0.0124 |
# | 3 | 61.2 ± 0.2 | 1.5193 ± 0.0153 |
# | 4 | 63.3 ± 0.3 | 1.2484 ± 0.0130 |
# | 5 | 64.9 ± 0.3 | 1.0819 ± 0.0114 |
# | 6 | 66.2 ± 0.4 | 0.9753 ± 0.0100 |
# | 7 | 67.5 ± 0.6 | 0.9030 ± 0.0087 |
# | 8 | 68.7 ± 0.6 | 0.8511 ± 0.0077 |
# | 9 | 70.0 ± 0.5 | 0.8119 ± 0.0069 |
# | 10 | 71.3 ± 0.5 | 0.7807 ± 0.0066 |
#
# 결과가 표준편차의 세 배 안에 들면 정상입니다. 데모 데이터는 더 작고 쉬워서 수치가 다릅니다.

# %%
for run in ft.runs()[:3]:
    print(run.title, run.state, run.best_accuracy)

# %% [markdown]
# ## SGD, RMSprop, Adam
#
# 새 가중치에서 시작해 각각 50 스텝씩 학습합니다. RMSprop과 Adam은 파라미터마다 보폭을 조절하므로 같은
# 학습률로도 훨씬 멀리 갑니다.

# %%
for kind in (torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adam):
    model = ft.load("mlp")
    losses = train_epoch(model, loss_fn, kind(model.parameters(), lr=1e-3), most=50)
    print(f"{kind.__name__:8} {losses[0]:.3f} → {losses[-1]:.3f}")

# %% [markdown]
# 다음은 7장 *저장하고 불러오기*(`7_save_and_load.py`)입니다. `escape`를 누르면 문서 목록으로 돌아갑니다. 다음 장은
# 이 장 바로 아래에 있습니다.
