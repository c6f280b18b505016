"""How PyTorch code spells the settings of a run: the lines that the form shows. `snippet.py` puts them together."""

from engine.data import transforms
from engine.models.names import MODELS, TORCHVISION
from engine.training import references, schedules
from engine.training.optimizers import OPTIMIZERS
from engine.training.setting import Values


def optimizer(values: Values) -> str:
    """Of every optimizer, its constructor."""
    return f"optimizer = {OPTIMIZERS[values['optimizer']].in_pytorch(values)}"


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
