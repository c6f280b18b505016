"""A download brings the published bytes or says why not; stopped, it goes on; nothing half-done looks whole."""

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from engine.data.fashion_mnist.download import Progress, download
from engine.data.fashion_mnist.spec import File
from engine.errors import DataError, DownloadCancelledError
from tests.support.waiting import HANG_S

CONTENTS = {f"{name}.gz": np.random.default_rng(i).bytes(300_000 + i) for i, name in enumerate("abcd")}
FILES = tuple(
    File(name[:-3], "train", "images", 0, "", len(content), hashlib.md5(content).hexdigest())
    for name, content in CONTENTS.items()
)
TOTAL = sum(map(len, CONTENTS.values()))


class Mirror(ThreadingHTTPServer):
    """A web server on this machine that can misbehave; `asked` keeps each request as (file, its Range header)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents = dict(CONTENTS)
        self.asked: list[tuple[str, str | None]] = []
        self.ranges = True
        self.says_length = True
        self.breaks_off_after: int | None = None  # bytes of each answer
        self.stalls_after: int | None = None
        self.answers = 1_000  # how many requests it answers before it knows nothing any more
        self.stalled = threading.Event()  # it has sent what it sends before it stalls
        self.gate = threading.Event()  # ends the stalling

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is nothing to print."""


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.strip("/")
        wanted = self.headers.get("Range")
        self.server.asked.append((name, wanted))
        content = self.server.contents.get(name)
        if content is None or len(self.server.asked) > self.server.answers:
            self.send_error(404)
            return
        start = 0
        if wanted and self.server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        if self.server.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.stalls_after is not None:
            self.wfile.write(body[: self.server.stalls_after])
            self.wfile.flush()
            self.server.stalled.set()
            self.server.gate.wait(HANG_S)
            return
        self.wfile.write(body[: self.server.breaks_off_after])

    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    yield from serve()


@pytest.fixture
def other() -> Iterator[Mirror]:
    yield from serve()


def serve() -> Iterator[Mirror]:
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


def fetch(root: Path, *mirrors: Mirror | str, patience: float = HANG_S) -> list[Progress]:
    told: list[Progress] = []
    urls = [each if isinstance(each, str) else each.url for each in mirrors]
    download(root, progress=told.append, cancelled=threading.Event(), mirrors=urls, files=FILES, patience=patience)
    return told


def refused(root: Path, *mirrors: Mirror | str, patience: float = HANG_S) -> str:
    with pytest.raises(DataError) as caught:
        fetch(root, *mirrors, patience=patience)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def raw(root: Path) -> Path:
    return root / "FashionMNIST" / "raw"


def held(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in raw(root).iterdir()}


def test_all_files_arrive_whole(tmp_path: Path, mirror: Mirror) -> None:
    fetch(tmp_path, mirror)
    assert held(tmp_path) == CONTENTS


def test_progress_is_told_in_bytes_and_ends_at_the_total(tmp_path: Path, mirror: Mirror) -> None:
    told = fetch(tmp_path, mirror)
    assert [each.done for each in told] == sorted(each.done for each in told)
    assert (told[-1].done, told[-1].total) == (TOTAL, TOTAL)
    assert [each.file for each in told if each.file_done == each.file_total] == list(CONTENTS)


def test_what_is_whole_is_not_fetched_again(tmp_path: Path, mirror: Mirror) -> None:
    fetch(tmp_path, mirror)
    (raw(tmp_path) / "b.gz").write_bytes(b"damaged")
    mirror.asked.clear()
    assert fetch(tmp_path, mirror)[-1].done == TOTAL
    assert [name for name, _ in mirror.asked] == ["b.gz"]
    assert held(tmp_path) == CONTENTS


def test_a_connection_that_breaks_off_is_taken_up_where_it_was(tmp_path: Path, mirror: Mirror) -> None:
    mirror.breaks_off_after = 100_000
    fetch(tmp_path, mirror)
    assert held(tmp_path) == CONTENTS
    assert mirror.asked[:3] == [("a.gz", None), ("a.gz", "bytes=100000-"), ("a.gz", "bytes=200000-")]


def test_a_mirror_that_knows_no_ranges_begins_again(tmp_path: Path, mirror: Mirror) -> None:
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / "a.gz.part").write_bytes(CONTENTS["a.gz"][:1000])
    mirror.ranges = False
    fetch(tmp_path, mirror)
    assert held(tmp_path) == CONTENTS


def test_a_mirror_that_says_no_length_will_do(tmp_path: Path, mirror: Mirror) -> None:
    mirror.says_length = False
    fetch(tmp_path, mirror)
    assert held(tmp_path) == CONTENTS


def test_an_old_part_that_is_wrong_is_thrown_away(tmp_path: Path, mirror: Mirror) -> None:
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / "a.gz.part").write_bytes(bytes(1000))
    (raw(tmp_path) / "b.gz.part").write_bytes(bytes(len(CONTENTS["b.gz"])))
    (raw(tmp_path) / "c.gz.part").write_bytes(bytes(len(CONTENTS["c.gz"]) + 1))
    (raw(tmp_path) / "d.gz.part").write_bytes(CONTENTS["d.gz"])  # whole, but never renamed
    fetch(tmp_path, mirror)
    assert held(tmp_path) == CONTENTS
    assert "d.gz" not in {name for name, _ in mirror.asked}


def test_where_one_mirror_fails_the_next_is_asked(tmp_path: Path, mirror: Mirror, other: Mirror) -> None:
    mirror.contents = {"a.gz": CONTENTS["a.gz"][::-1]}
    fetch(tmp_path, "http://127.0.0.1:9/", mirror, other)
    assert held(tmp_path) == CONTENTS


def test_the_next_mirror_goes_on_where_the_last_was(tmp_path: Path, mirror: Mirror, other: Mirror) -> None:
    mirror.breaks_off_after, mirror.answers = 100_000, 1
    fetch(tmp_path, mirror, other)
    assert held(tmp_path) == CONTENTS
    assert other.asked[0] == ("a.gz", "bytes=100000-")


def test_wrong_bytes_are_never_kept(tmp_path: Path, mirror: Mirror) -> None:
    mirror.contents["b.gz"] = CONTENTS["b.gz"][::-1]
    message = refused(tmp_path, mirror)
    assert "not the published file" in message
    assert held(tmp_path) == {"a.gz": CONTENTS["a.gz"]}


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("body", [b"<html>Please log in</html>", bytes(400_000)], ids=["a page", "too much"])
def test_what_has_another_length_is_refused(tmp_path: Path, mirror: Mirror, body: bytes, says_length: bool) -> None:
    mirror.contents["a.gz"] = body
    mirror.says_length = says_length
    assert re.search(r"published one|more than|broke off|MD5", refused(tmp_path, mirror))
    assert "a.gz" not in held(tmp_path)


def test_the_error_names_what_each_mirror_said_and_what_to_do(tmp_path: Path, mirror: Mirror) -> None:
    mirror.contents = {}
    message = refused(tmp_path, mirror, "http://127.0.0.1:9/")
    assert f"{mirror.url} said: 404" in message
    assert "http://127.0.0.1:9/ said: Connection refused" in message
    assert "check the network" in message
    assert f"into {raw(tmp_path)} by hand: a.gz, b.gz, c.gz, d.gz" in message
    assert held(tmp_path) == {}


def test_a_mirror_that_falls_silent_is_asked_again_for_the_rest(tmp_path: Path, mirror: Mirror) -> None:
    mirror.stalls_after = 200_000
    fetch(tmp_path, mirror, patience=1.0)
    assert held(tmp_path) == CONTENTS


def test_a_silent_mirror_is_given_up_after_the_patience(tmp_path: Path, mirror: Mirror) -> None:
    mirror.stalls_after = 0
    assert "nothing for 0.3 s" in refused(tmp_path, mirror, patience=0.3)


@pytest.mark.parametrize("stalled", [True, False])
def test_a_stopped_download_takes_no_further_byte_and_goes_on_later(
    tmp_path: Path, mirror: Mirror, stalled: bool
) -> None:
    mirror.stalls_after = 200_000
    cancelled, received = threading.Event(), threading.Event()
    done: list[int] = []

    def progress(told: Progress) -> None:
        done.append(told.file_done)
        received.set()
        if not stalled:
            cancelled.set()

    def stop_when_silent() -> None:
        assert received.wait(HANG_S)
        assert mirror.stalled.wait(HANG_S)
        cancelled.set()

    if stalled:
        threading.Thread(target=stop_when_silent).start()
    with pytest.raises(DownloadCancelledError):
        download(
            tmp_path, progress=progress, cancelled=cancelled, mirrors=[mirror.url], files=FILES, patience=10 * HANG_S
        )
    part = held(tmp_path)["a.gz.part"]
    assert 0 < len(part) <= 200_000
    if not stalled:
        assert done == [len(part)]
    assert CONTENTS["a.gz"].startswith(part)

    mirror.stalls_after = None
    mirror.asked.clear()
    fetch(tmp_path, mirror)
    assert mirror.asked[0] == ("a.gz", f"bytes={len(part)}-")
    assert held(tmp_path) == CONTENTS


def test_a_full_disk_is_said_to_be_full(tmp_path: Path, mirror: Mirror) -> None:
    raw(tmp_path).mkdir(parents=True)
    (raw(tmp_path) / "a.gz.part").symlink_to("/dev/full")
    message = refused(tmp_path, mirror)
    assert "the disk is full" in message
    assert str(raw(tmp_path)) in message


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "FashionMNIST").write_text("a file")
    message = refused(tmp_path, mirror)
    assert f"cannot write to {raw(tmp_path)}" in message
    assert "--data-dir" in message


def test_two_downloads_do_not_write_into_one_file(tmp_path: Path, mirror: Mirror) -> None:
    mirror.stalls_after = 1000
    cancelled = threading.Event()
    begun = threading.Event()
    outcome: list[type[BaseException]] = []

    def first() -> None:
        try:
            download(tmp_path, progress=lambda _: begun.set(), cancelled=cancelled, mirrors=[mirror.url], files=FILES)
        except DownloadCancelledError as error:
            outcome.append(type(error))

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(5)
    assert "another download" in refused(tmp_path, mirror)
    cancelled.set()
    thread.join()
    assert outcome == [DownloadCancelledError]
