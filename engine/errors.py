"""What can go wrong: one exception type per area. Each message is one line: what, where, what to do."""

import re

# What PyTorch says on the CPU ("can't allocate memory: you tried to allocate 8 bytes") and of a GPU.
_NO_MEMORY = re.compile(r"can't allocate memory|out of memory", re.IGNORECASE)


class EngineError(Exception):
    """Something the person can mend; `str(error)` is one line for them. A bug is any other exception."""


class ConfigError(EngineError):
    """A setting that can't be used."""

    def __init__(self, field: str, message: str) -> None:
        """`field` is the name in `TrainConfig`; `message` says what is wrong with its value."""
        super().__init__(message)
        self.field = field


class DataError(EngineError):
    """A data set that is not there, or is not what it should be."""


class DownloadCancelledError(DataError):
    """The person stopped a download."""


class DeviceError(EngineError):
    """A device that this machine does not have."""


class ModelError(EngineError):
    """A model that can't be built or does not fit the data."""


class PathError(EngineError):
    """A path that means nothing here."""


class RunError(EngineError):
    """A run that can't be found, started or commanded."""


class CheckpointError(EngineError):
    """A checkpoint that could not be written."""


class InspectionError(EngineError):
    """Something that can't be inspected."""


class BugError(InspectionError):
    """The worker process met a bug; the message is a line that names the log with the traceback."""


class InspectionCancelledError(InspectionError):
    """The person took the question back."""


class LabError(EngineError):
    """A document of the lab that can't be opened or saved, or a kernel that can't be had."""


def unexpected(error: BaseException, bug: str = "a bug") -> str:
    """An exception that nobody expected, in one line: `a bug: ValueError: …`; of one that says that there is no memory,
    which is no bug, `out of memory`, with what PyTorch says of it. `bug`: what to call a bug."""
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(first)):
        return f"out of memory: {first}" if first else "out of memory"
    return f"{bug}: {type(error).__name__}{f': {first}' if first else ''}"
