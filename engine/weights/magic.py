"""What a file is that holds no weights, by its first bytes: so that a refusal says what it really is."""

from engine.weights.formats import registry
from engine.weights.formats.registry import HEAD

_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the weights themselves: fetch them with git lfs pull"),
    (b"GGUF", "a GGUF file (llama.cpp), which is not supported"),
    (b"\x89HDF", "an HDF5 file (perhaps from Keras), which is not supported"),
    (b"\x93NUMPY", "a NumPy array: read it with np.load"),
    (b"PK\x05\x06", "an empty zip file"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first (gunzip, or tar xzf)"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x7fELF", "an executable or a library (ELF)"),
    (b"MZ", "a Windows executable"),
    (b"#!", "a script"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3", "a SQLite database"),
    (b"PAR1", "a Parquet table"),
    (b"ARROW1", "an Arrow table"),
)  # fmt: skip


def what(head: bytes, ending: str) -> str:
    """What a file is, as `it is …` goes on, by its first bytes (HEAD of them) and its ending, such as ".onnx"."""
    for sign, words in _SIGNS:
        if head.startswith(sign):
            return words
    if head[257:262] == b"ustar":
        return "a tar archive: unpack it first (tar xf); those that torch before 0.1.9 saved are not supported"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model, which is not supported"
    if ending == ".onnx" or (head[:1] == b"\x08" and b"\x12" in head[:12]):
        return "apparently an ONNX model (protobuf), which is not supported"
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, perhaps from a failed download: download the file itself"
    if start.startswith(b"<?xml"):
        return "an XML document"
    if not head.strip(b"\0"):
        return "all zeros at the beginning: perhaps an interrupted download"
    if _text(head):
        first = head.decode("utf-8", "replace").strip().splitlines()[0][:40]
        return f"a text file that begins with {first!r}"
    return f"in no known format of weights ({registry.names()})"


def _text(head: bytes) -> bool:
    try:
        text = head[:-4].decode() if len(head) >= HEAD else head.decode()  # its last character may be cut
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and all(one.isprintable() or one in "\t\n\r\f" for one in text)
