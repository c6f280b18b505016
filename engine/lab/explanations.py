"""Why PyTorch raised an error, and what to do, in a sentence or two.

PyTorch's words differ between its versions: a pattern keeps to what they have in common.
"""

import re
from dataclasses import dataclass

LANGUAGES = ("en", "ko")
LONGEST = 4000  # characters of an error's text that are looked at


@dataclass(frozen=True)
class Explanation:
    """`pattern`: found in the error's text, whatever the case. The texts, in Markdown, may name its groups: `{0}` is
    the first."""

    pattern: str
    en: str
    ko: str


EXPLANATIONS = (
    Explanation(
        r"backward through the graph a second time|saved tensors after they have already been freed",
        "A backward() frees what the graph has saved, and this graph has had its backward. Compute the loss again "
        "before each backward(), or keep the graph with backward(retain_graph=True).",
        "backward()는 그래프가 저장해 둔 값을 해제하는데, 이 그래프는 이미 backward()를 한 번 거쳤습니다. "
        "backward()를 부르기 전마다 손실을 다시 계산하거나, backward(retain_graph=True)로 그래프를 남겨 두세요.",
    ),
    Explanation(
        r"leaf variable that requires grad .*in-place",
        "autograd records what is computed from a leaf, so a leaf that requires a gradient must not be changed in "
        "place. To update it by hand, do so within `with torch.no_grad():`; else write the result to a new name (w = "
        "w + 1).",
        "autograd는 리프 텐서에서 계산되는 과정을 기록하므로, 기울기가 필요한 리프는 제자리(in-place)에서 바꿀 수 "
        "없습니다. 직접 갱신하려면 `with torch.no_grad():` 안에서 하고, 아니면 결과를 새 이름에 담으세요(w = w + 1).",
    ),
    Explanation(
        r"modified by an inplace operation",
        "backward() needs a value as it was in the forward, and it has been changed in place since (add_, +=, t[0] = "
        "…). Use the form that makes a new tensor (a = a + 1), or change a clone().",
        "backward()에는 순전파 때의 값이 그대로 필요한데, 그 뒤에 제자리(in-place) 연산(add_, +=, t[0] = …)으로 값이 "
        "바뀌었습니다. 새 텐서를 만드는 식(a = a + 1)으로 쓰거나, clone()한 것을 바꾸세요.",
    ),
    Explanation(
        r"grad can be implicitly created only for scalar outputs",
        "backward() without an argument starts from a single number, and this tensor has several. Reduce it first, "
        "with .sum() or .mean(), or pass a tensor of its shape: backward(gradient=…).",
        "인자 없는 backward()는 값이 하나인 텐서에서만 시작할 수 있는데, 이 텐서에는 값이 여러 개 있습니다. 먼저 "
        ".sum()이나 .mean()으로 줄이거나, 같은 모양의 텐서를 backward(gradient=…)로 넘기세요.",
    ),
    Explanation(
        r"does not require grad and does not have a grad_fn",
        "Nothing that this tensor was computed from requires a gradient, so there is no graph. Set requires_grad=True "
        "on the input, and look for no_grad(), detach(), .item() or NumPy on the way.",
        "이 텐서를 계산하는 데 쓰인 값 가운데 기울기가 필요한 것이 없어 그래프가 없습니다. 입력에 "
        "requires_grad=True를 지정하고, 중간에 no_grad(), detach(), .item()이나 NumPy를 거치지 않았는지 확인하세요.",
    ),
    Explanation(
        r"appears to not have been used in the graph",
        "The output does not depend on this tensor, so it has no gradient. Pass allow_unused=True to get None for it, "
        "or check that the forward uses this tensor and not a copy of it.",
        "출력이 이 텐서에 의존하지 않아 기울기가 없습니다. allow_unused=True를 넘기면 None을 돌려줍니다. 아니면 "
        "순전파가 복사본이 아니라 이 텐서를 쓰는지 확인하세요.",
    ),
    Explanation(
        r"only tensors of floating point.*can require gradients",
        "Whole numbers have no gradient. Make the tensor one of floats: torch.tensor([1., 2.]), or .float().",
        "정수에는 기울기가 없습니다. torch.tensor([1., 2.])나 .float()로 실수 텐서를 만드세요.",
    ),
    Explanation(
        r"inference tensors? cannot be saved for backward|inplace update to inference tensor",
        "A tensor made under torch.inference_mode() can't take part in a graph. Make it under torch.no_grad() "
        "instead, or clone() it outside.",
        "torch.inference_mode()에서 만든 텐서는 그래프에 참여할 수 없습니다. 대신 torch.no_grad()에서 만들거나, "
        "바깥에서 clone()하세요.",
    ),
    Explanation(
        r"can't call numpy\(\) on tensor that requires grad",
        "NumPy knows no gradients, so PyTorch wants it said that they end here: t.detach().numpy(). Both share the "
        "memory.",
        "NumPy는 기울기를 모르므로, 여기서 기울기를 끊겠다고 밝혀야 합니다: t.detach().numpy(). 둘은 같은 메모리를 "
        "씁니다.",
    ),
    Explanation(
        r"can't convert .* device type tensor to numpy|can't convert cuda.*to numpy",
        "NumPy reaches the CPU's memory only. Copy the tensor there first: t.cpu().numpy(), or "
        "t.detach().cpu().numpy().",
        "NumPy는 CPU 메모리만 다룰 수 있습니다. 먼저 CPU로 복사하세요: t.cpu().numpy() 또는 t.detach().cpu().numpy().",
    ),
    Explanation(
        r"support the deepcopy protocol",
        "Only leaves can be deep-copied: this tensor is the result of a computation. Copy t.detach().clone() instead.",
        "deepcopy는 리프 텐서에만 쓸 수 있는데, 이 텐서는 계산 결과입니다. 대신 t.detach().clone()으로 복사하세요.",
    ),
    Explanation(
        r"cuda(?: error)?: out of memory|cuda out of memory|mps backend out of memory|outofmemoryerror",
        "The GPU's memory is full. Take a smaller batch, evaluate under torch.no_grad(), and delete what is not "
        "needed: `loss_sum += loss` keeps every graph, loss.item() does not.",
        "GPU 메모리가 가득 찼습니다. 배치를 줄이고, 평가는 torch.no_grad()에서 하고, 필요 없는 텐서를 지우세요. "
        "`loss_sum += loss`는 그래프를 모두 붙잡아 두지만 loss.item()은 그렇지 않습니다.",
    ),
    Explanation(
        r"defaultcpuallocator|can't allocate memory",
        "The machine has not that much memory left. Look at the shapes: broadcasting [n, 1] with [1, n] makes n × n "
        "numbers.",
        "컴퓨터에 남은 메모리가 모자랍니다. 모양을 확인하세요. [n, 1]과 [1, n]을 브로드캐스팅하면 n × n개의 수가 "
        "생깁니다.",
    ),
    Explanation(
        r"tensors to be on the same device|not on the expected device|cuda\S*\) and weight type|"
        r"weight type \(\S*cuda",
        "The tensors are on different devices, such as the model on the GPU and the batch on the CPU. Move both to "
        "one: model.to(device), and X, y = X.to(device), y.to(device) in the loop.",
        "텐서들이 서로 다른 장치에 있습니다. 예를 들어 모델은 GPU에, 배치는 CPU에 있습니다. 한쪽으로 모으세요: "
        "model.to(device), 그리고 루프 안에서 X, y = X.to(device), y.to(device).",
    ),
    Explanation(
        r"found no nvidia driver|torch not compiled with cuda enabled|no cuda gpus are available",
        'This machine has no GPU that PyTorch can use. Choose the device by what there is: device = "cuda" if '
        'torch.cuda.is_available() else "cpu".',
        '이 컴퓨터에는 PyTorch가 쓸 수 있는 GPU가 없습니다. 있는 장치에 맞게 고르세요: device = "cuda" if '
        'torch.cuda.is_available() else "cpu".',
    ),
    Explanation(
        r"error\(s\) in loading state_dict.*size mismatch",
        "The file's weights are of a model with other sizes: build the model with the arguments that it was trained "
        "with. strict=False does not help here, as it forgives names alone.",
        "파일의 가중치는 크기가 다른 모델의 것입니다. 학습할 때와 같은 인자로 모델을 만드세요. strict=False는 이름 "
        "차이만 봐주므로 여기서는 도움이 되지 않습니다.",
    ),
    Explanation(
        r"error\(s\) in loading state_dict",
        "The names in the file are not the model's: another class, or a prefix such as module. or model. before each. "
        "Compare state_dict().keys() of both; strict=False loads only what has the same name.",
        "파일에 있는 이름이 모델의 이름과 다릅니다. 다른 클래스이거나, module.이나 model. 같은 접두사가 붙어 있을 수 "
        "있습니다. 양쪽의 state_dict().keys()를 비교하세요. strict=False는 이름이 같은 것만 불러옵니다.",
    ),
    Explanation(
        r"weights only load failed|weights_only",
        "The file holds more than tensors, and loading that would run its code. Save model.state_dict() instead; "
        "weights_only=False is for files that you trust only.",
        "이 파일에는 텐서 말고 다른 것도 들어 있어서, 불러오면 그 안의 코드가 실행됩니다. model.state_dict()를 "
        "저장하세요. weights_only=False는 믿을 수 있는 파일에만 쓰세요.",
    ),
    Explanation(
        r"target -?\d+ is out of bounds",
        "A label is no index of a class: with C columns of logits the labels are 0 to C - 1. Give the last layer as "
        "many outputs as there are classes, and begin to count labels at 0.",
        "클래스 번호가 될 수 없는 레이블이 있습니다. 로짓의 열이 C개이면 레이블은 0부터 C - 1까지입니다. 마지막 층의 "
        "출력 수를 클래스 수에 맞추고, 레이블은 0부터 세세요.",
    ),
    Explanation(
        r"expected (?:target dtype to be long|scalar type long)|nll_loss.*not implemented for",
        "Cross-entropy takes the labels as class numbers of dtype int64: y.long(). Floats are taken only as "
        "probabilities, of the same shape as the logits.",
        "교차 엔트로피의 레이블은 int64 클래스 번호여야 합니다: y.long(). 실수 레이블은 로짓과 모양이 같은 확률일 "
        "때만 쓸 수 있습니다.",
    ),
    Explanation(
        r"multi-target not supported|input batch_size .* to match target batch_size",
        "Cross-entropy takes logits [N, C] and labels [N], with the same N. Remove a dimension of size 1 with "
        "y.squeeze(1), and check what reshape or flatten did to the batch.",
        "교차 엔트로피는 로짓 [N, C]와 레이블 [N]을 받고, 두 N이 같아야 합니다. 크기 1인 차원은 y.squeeze(1)로 "
        "없애고, reshape나 flatten이 배치 차원을 바꾸지 않았는지 확인하세요.",
    ),
    Explanation(
        r"target size .* (?:different to|must be the same as) .*input size",
        "The loss compares number by number, so both need the same shape. Often one is [N, 1] and the other [N]: "
        "pred.squeeze(1), or y.unsqueeze(1).",
        "이 손실은 값끼리 하나씩 비교하므로 두 텐서의 모양이 같아야 합니다. 한쪽이 [N, 1], 다른 쪽이 [N]인 경우가 "
        "많습니다: pred.squeeze(1)이나 y.unsqueeze(1).",
    ),
    Explanation(
        r"elements of (?:input|target) should be between 0 and 1",
        "Binary cross-entropy takes probabilities. Use BCEWithLogitsLoss on the raw outputs, or apply sigmoid first.",
        "이진 교차 엔트로피는 확률을 받습니다. 원래 출력에는 BCEWithLogitsLoss를 쓰거나, 먼저 sigmoid를 적용하세요.",
    ),
    Explanation(
        r"shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)",
        "In A @ B, A's last size must be B's first: here {1} and {2}. Of a Linear layer, in_features is not what "
        "comes in: look at the shape before it (a missing Flatten?), or transpose one with .T.",
        "A @ B에서는 A의 마지막 크기와 B의 첫 크기가 같아야 하는데, 여기서는 {1}과 {2}입니다. Linear 층이라면 "
        "in_features가 들어오는 크기와 다릅니다. 앞의 모양을 확인하거나(Flatten이 빠졌나요?), 한쪽을 .T로 전치하세요.",
    ),
    Explanation(
        r"inconsistent tensor size|size mismatch, got|expected size for first two dimensions of batch2|"
        r"must match for (?:dot|matmul)|mat1 dim 1 must match mat2 dim 0",
        "A product sums over one dimension, which must have the same size in both: the last of the first tensor, and "
        "the first (of matrices the second last) of the other. Print both shapes.",
        "곱셈은 한 차원을 따라 더하므로 그 차원의 크기가 양쪽에서 같아야 합니다. 앞 텐서의 마지막 차원과 뒤 텐서의 첫 "
        "차원(행렬이면 뒤에서 둘째)입니다. 두 모양을 출력해 보세요.",
    ),
    Explanation(
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)",
        "Shapes are matched from the last dimension on, and sizes must be equal, or one of them 1: here {0} and {1}. "
        "Add a dimension with unsqueeze, or reshape one of the two.",
        "모양은 마지막 차원부터 맞추며, 크기가 같거나 한쪽이 1이어야 합니다. 여기서는 {0}과 {1}입니다. unsqueeze로 "
        "차원을 더하거나 한쪽을 reshape하세요.",
    ),
    Explanation(
        r"(?:must|to) have the same dtype|expected scalar type|"
        r"type .* and (?:bias|weight) type .* should be the same|found dtype",
        "The tensors have different dtypes, and a layer converts none. NumPy makes float64, PyTorch's weights are "
        "float32, images are uint8: convert the input with .float().",
        "텐서들의 dtype이 서로 다르며, 층은 dtype을 바꿔 주지 않습니다. NumPy는 float64, PyTorch 가중치는 float32, "
        "이미지는 uint8입니다. 입력을 .float()로 바꾸세요.",
    ),
    Explanation(
        r"result type .* can't be cast",
        "An operation in place keeps the tensor's dtype, and this result would not fit it. Convert the tensor first "
        "(t = t.float()), or make a new one (t = t + 0.5).",
        "제자리 연산은 텐서의 dtype을 그대로 두는데, 이 결과는 그 dtype에 담을 수 없습니다. 먼저 변환하거나(t = "
        "t.float()) 새 텐서를 만드세요(t = t + 0.5).",
    ),
    Explanation(
        r"mean\(\).*dtype|could not infer output dtype",
        "The mean of whole numbers is no whole number. Convert first: t.float().mean().",
        "정수의 평균은 정수가 아닙니다. 먼저 변환하세요: t.float().mean().",
    ),
    Explanation(
        r"to have (\d+) channels, but got (\d+) channels",
        "The convolution takes {0} channels, and {1} came in. A batch is [N, C, H, W]: set in_channels, or mend the "
        "input's shape (unsqueeze for a missing channel, permute for [H, W, C]).",
        "이 합성곱은 채널 {0}개를 받는데 {1}개가 들어왔습니다. 배치는 [N, C, H, W]입니다. in_channels를 맞추거나 "
        "입력의 모양을 고치세요(채널이 없으면 unsqueeze, [H, W, C]이면 permute).",
    ),
    Explanation(
        r"\(unbatched\) or \dd \(batched\) input",
        "The layer takes images [N, C, H, W], or one image [C, H, W]. Add the missing dimension: X.unsqueeze(0) for "
        "the batch, X.unsqueeze(1) for the channel.",
        "이 층은 이미지 [N, C, H, W] 또는 한 장 [C, H, W]를 받습니다. 빠진 차원을 더하세요: 배치는 X.unsqueeze(0), "
        "채널은 X.unsqueeze(1).",
    ),
    Explanation(
        r"kernel size can't be greater than actual input size",
        "The image has become smaller than the kernel: too many convolutions or poolings before it. Use padding, a "
        "smaller kernel, or fewer of them.",
        "이미지가 커널보다 작아졌습니다. 앞에 합성곱이나 풀링이 너무 많습니다. 패딩을 쓰거나, 커널을 줄이거나, 층을 "
        "줄이세요.",
    ),
    Explanation(
        r"expected more than 1 value per channel when training",
        "In training mode batch norm needs several values a channel, and this batch has one image. Use drop_last=True "
        "in the DataLoader, or model.eval() for a single image.",
        "학습 모드의 배치 정규화는 채널마다 값이 여러 개 필요한데, 이 배치에는 하나뿐입니다. DataLoader에 "
        "drop_last=True를 주거나, 한 장만 볼 때는 model.eval()을 쓰세요.",
    ),
    Explanation(
        r"view size is not compatible",
        "view() can't give another shape without a copy, as the tensor is not contiguous (a transpose, a slice). "
        ".reshape(…) copies where it must.",
        "텐서가 연속적이지 않아(전치, 슬라이스) view()로는 복사 없이 모양을 바꿀 수 없습니다. .reshape(…)는 필요하면 "
        "복사합니다.",
    ),
    Explanation(
        r"shape '.*' is invalid for input of size (\d+)",
        "The new shape must have as many elements as the tensor: {0}. Leave one size to PyTorch with -1.",
        "새 모양의 원소 수는 텐서와 같아야 합니다: {0}개. 크기 하나를 -1로 두면 PyTorch가 계산합니다.",
    ),
    Explanation(
        r"stack expects each tensor to be equal size",
        "stack and a DataLoader's batch need equal shapes. Resize or pad the samples, or collect them in a list with "
        "a collate_fn of your own.",
        "stack과 DataLoader의 배치는 모양이 모두 같아야 합니다. 표본의 크기를 맞추거나 패딩하고, 아니면 collate_fn을 "
        "직접 만들어 리스트로 모으세요.",
    ),
    Explanation(
        r"sizes of tensors must match except in dimension (\d+)",
        "cat joins along one dimension, here {0}; all other sizes must be equal.",
        "cat은 한 차원(여기서는 {0})을 따라 이어 붙이며, 나머지 크기는 모두 같아야 합니다.",
    ),
    Explanation(
        r"cannot be converted to scalar|only one element tensors can be converted",
        "item() and float() take a tensor of one number, and this one has several. Reduce it (.mean()), index it, or "
        "use .tolist().",
        "item()과 float()는 값이 하나인 텐서만 받는데, 여기에는 여러 개 있습니다. .mean() 등으로 줄이거나, 인덱스로 "
        "고르거나, .tolist()를 쓰세요.",
    ),
    Explanation(
        r"boolean value of tensor with more than one value",
        "`if` and `and` need one truth value, and a comparison gives one for each number. Say which: .any() or "
        ".all(), or torch.where and & for number by number.",
        "`if`와 `and`에는 참·거짓 하나가 필요한데, 비교는 값마다 하나씩 돌려줍니다. .any()나 .all()을 쓰고, 값별로 "
        "하려면 torch.where와 &를 쓰세요.",
    ),
    Explanation(
        r"index out of range in self",
        "An embedding of n rows takes indices 0 to n - 1. Make num_embeddings larger than the largest index.",
        "행이 n개인 임베딩은 0부터 n - 1까지의 인덱스를 받습니다. num_embeddings를 가장 큰 인덱스보다 크게 하세요.",
    ),
    Explanation(
        r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)",
        "Dimension {1} has {2} elements, counted from 0: the last is {2} - 1, or -1.",
        "차원 {1}의 원소는 {2}개이고 0부터 셉니다. 마지막은 {2} - 1, 또는 -1입니다.",
    ),
    Explanation(
        r"optimizer got an empty parameter list",
        "The model has no parameters. Layers in a Python list are not found: use nn.ModuleList, and assign layers to "
        "self after `super().__init__()`.",
        "모델에 파라미터가 없습니다. 파이썬 리스트에 담은 층은 찾지 못합니다. nn.ModuleList를 쓰고, "
        "`super().__init__()` 뒤에 층을 self에 넣으세요.",
    ),
    Explanation(
        r"before module\.__init__\(\) call",
        "Call `super().__init__()` first in the module's `__init__`: it makes the place where layers are kept.",
        "모듈의 `__init__`에서 `super().__init__()`을 먼저 부르세요. 층을 담을 자리를 만듭니다.",
    ),
    Explanation(
        r"device-side assert triggered",
        "Code on the GPU met an impossible value, often a label that is no class. The line may be a later one, and "
        "the GPU is unusable until the kernel is restarted: run the cell on the CPU to see the cause.",
        "GPU 코드가 있을 수 없는 값을 만났습니다. 클래스 번호가 아닌 레이블일 때가 많습니다. 표시된 줄은 뒤의 줄일 수 "
        "있고, 커널을 다시 시작할 때까지 GPU를 쓸 수 없습니다. 원인을 보려면 셀을 CPU에서 실행하세요.",
    ),
)


def explain(name: str, value: str, lang: str = "en") -> str:
    """Why an error was raised and what to do, in Markdown; "" where that is not known. `name`: of its class. `value`:
    its text. `lang`: of LANGUAGES; another one gives English."""
    text = " ".join(f"{name}: {value}"[:LONGEST].split())
    for one in EXPLANATIONS:
        found = re.search(one.pattern, text, re.IGNORECASE)
        if found:
            return (one.ko if lang == "ko" else one.en).format(*found.groups())
    return ""
