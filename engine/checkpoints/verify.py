"""Whether a file is as it was written: by the SHA-256 that a run's manifest has of it, or by the checksums within it.
Imports no torch."""

import hashlib
from pathlib import Path

from engine import plain_file
from engine.checkpoints import manifest
from engine.checkpoints.manifest import Entry
from engine.checkpoints.requests import Verification, VerifyRequest
from engine.errors import CheckpointError
from engine.home import RunFolder
from engine.progress import Progress, silent
from engine.weights.contents import Contents
from engine.weights.contents_cache import contents_of
from engine.weights.formats import registry, torch_zip

BLOCK = 1 << 20  # bytes that are read in one go


def compute(home: Path, request: VerifyRequest, progress: Progress) -> Verification:
    """The worker process's part."""
    return verify(contents_of(request.file), progress)


def verify(contents: Contents, progress: Progress = silent) -> Verification:
    """Read all of a file. `progress`: in bytes. Raises CheckpointError where that fails."""
    entry = listed(contents.path)
    if entry is None:
        found = torch_zip.check(contents, progress)
        if not contents.zips:
            return Verification(found[0])
        return Verification("every byte is as written, according to the file's checksums (CRC-32)", tuple(found))
    if sha256(contents.path, progress) == entry.sha256:
        return Verification("every byte is as written, according to the SHA-256 in the run's manifest")
    which = torch_zip.check(contents)
    return Verification("", ("its SHA-256 differs from the one in the run's manifest: the file is damaged", *which))


def listed(path: Path) -> Entry | None:
    """What the manifest beside a run's checkpoint has of it; None where it is not one of a run's."""
    run = RunFolder.of_checkpoint(path)
    if run.checkpoint(path.name) != path.absolute():
        return None
    try:
        return next((entry for entry in manifest.read(run) if entry.file == path.name), None)
    except CheckpointError:
        return None


def identity(path: Path, progress: Progress = silent) -> str:
    """A file's SHA-256; of what lies in several files that of their names and SHA-256s. Raises CheckpointError."""
    if not registry.is_several(path):
        return sha256(path, progress)
    files = sorted(contents_of(path).stamps)
    lines = "".join(f"{sha256(file)}  {file.name}\n" for file in files)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def sha256(path: Path, progress: Progress = silent) -> str:
    """A file's SHA-256, in hex. `progress`: in bytes. Raises CheckpointError."""
    digest, done = hashlib.sha256(), 0
    try:
        with plain_file.opened(path) as file:
            total = path.stat().st_size
            block = bytearray(BLOCK)
            view = memoryview(block)
            while length := file.readinto(block):
                digest.update(view[:length])
                done += length
                progress(done, total)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror or error}") from error
    return digest.hexdigest()
