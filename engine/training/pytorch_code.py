"""How PyTorch code spells the settings of a run: the lines that the form shows. `snippet.py` puts them together."""

from engine.data import augmentations, transforms
from engine.models.names import MODELS, TORCHVISION
from engine.training import references, schedules
from engine.training.losses import LOSSES
from engine.training.optimizers import OPTIMIZERS
from engine.training.setting import Values, number_text


def loss(values: Values) -> str:
    """Of every loss, its constructor."""
    return f"loss_fn = {LOSSES[values['loss']].in_pytorch(values)}"


def optimizer(values: Values) -> str:
    """Of every optimizer, its constructor."""
    return f"optimizer = {OPTIMIZERS[values['optimizer']].in_pytorch(values)}"


def clip(values: Values) -> str:
    """Empty where gradients are not clipped."""
    return f"clip_grad_norm_(model.parameters(), {number_text(values['clip'])})" if values["clip"] else ""


def accumulate(values: Values) -> str:
    """Empty where a batch goes through the model at once."""
    parts = values["accumulate"]
    return f"for X, y in zip(X.tensor_split({parts}), y.tensor_split({parts})):" if parts > 1 else ""


def average(values: Values) -> str:
    """Empty where weights are not averaged."""
    if values["average"] == "none":
        return ""
    of = (
        f"ema_multi_avg_fn({number_text(values['average_decay'])})"
        if values["average"] == "ema"
        else "swa_multi_avg_fn()"
    )
    buffers = ", use_buffers=True" if values["average"] == "ema" else ""
    return f"averaged = AveragedModel(model, multi_avg_fn=get_{of}{buffers})"


def memory_format(values: Values) -> str:
    """Empty for PyTorch's default."""
    if values["memory_format"] == "contiguous":
        return ""
    return f"model.to(memory_format=torch.channels_last){'  # if faster' if values['memory_format'] == 'auto' else ''}"


def amp(values: Values) -> str:
    """Empty for float32."""
    if values["amp"] == "none":
        return ""
    return f"autocast = torch.autocast(device.type, torch.{'bfloat16' if values['amp'] == 'bf16' else 'float16'})"


def compile_model(values: Values) -> str:
    """Empty where the model is trained as it is."""
    return "model = torch.compile(model)" if values["compile"] else ""


def tta(values: Values) -> str:
    """Empty where an image is evaluated as it is."""
    return "" if values["tta"] == "none" else "logits = (model(X) + model(X.flip(-1))) / 2  # in evaluation"


def schedule(values: Values) -> str:
    """Empty for a constant learning rate."""
    spelled = schedules.in_pytorch(values)
    return f"scheduler = {spelled}" if spelled else ""


def train_set(values: Values) -> str:
    """The training images with their transforms; `open_data` stands for what reads a data set of one's own."""
    name, transform = values["dataset"], values["transform"]
    if references.is_file_reference(transform):
        steps = [transform.rpartition(":")[2]]
    else:
        steps = list(map(str, transforms.parse(transform))) or ["ToTensor()"]
    spelled = steps[0] if len(steps) == 1 else f"Compose([{', '.join(steps)}])"
    made = "FashionMNIST(root, train=True" if name in ("auto", "fashion-mnist") else f"open_data({name!r}"
    return f"train = {made}, transform={spelled})"


def augment(values: Values) -> str:
    """Empty where nothing is augmented; `augment` stands for the functions that change a batch."""
    spelled = augmentations.spelled(values["augment"])
    return f"X = augment(X)  # each training batch: {spelled}" if spelled else ""


def validation(values: Values) -> str:
    """Empty where nothing is held out; `rest` and `val_indices` stand for the images that are drawn of each class."""
    if not values["val"]:
        return ""
    return f"train, val = Subset(train, rest), Subset(train, val_indices)  # {values['val']} held out"


def data_loader(values: Values) -> str:
    """Of the training images."""
    return f"loader = DataLoader(train, batch_size={values['batch_size']}, shuffle={values['shuffle']})"


def model(values: Values) -> str:
    """Its constructor."""
    name = values["model"]
    made = f"{name.rpartition(':')[2]}()"
    if name in MODELS:
        made = f"{MODELS[name].target.rpartition(':')[2]}()"
    elif name.startswith(TORCHVISION):
        made = f"torchvision.models.{name.removeprefix(TORCHVISION)}(num_classes=10)"
    return f"model = {made}  # images [N, 1, 28, 28] → logits [N, 10]"


def frozen(values: Values) -> str:
    """Empty where nothing is frozen; `frozen` stands for the names that the patterns match."""
    if not values["freeze"]:
        return ""
    return f"for name in frozen: model.get_parameter(name).requires_grad_(False)  # {values['freeze']}"
