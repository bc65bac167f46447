"""LibriSpeech in its published layout, and downloads that resume, verify and unpack safely."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from archives import archive
from torchaudio.datasets import librispeech as published

from asrtransfer import corpora
from asrtransfer.corpora import librispeech
from asrtransfer.files.errors import InputError
from asrtransfer.speech import audio

REAL = Path(__file__).parents[3] / "shared" / "data" / "librispeech"
SUBSETS = {"train": ["train-clean-100"], "dev": ["dev-clean"], "test": ["test-clean"]}
SPEAKERS = {"train-clean-100": 19, "dev-clean": 84, "test-clean": 1089}


def flac() -> bytes:
    return audio.encode_flac((1000 * np.sin(np.arange(16_000) / 9)).astype(np.int16))


def members(subset: str) -> dict[str, bytes]:
    chapter = f"{SPEAKERS[subset]}-7"
    folder = f"LibriSpeech/{subset}/{SPEAKERS[subset]}/7"
    return {
        f"{folder}/{chapter}.trans.txt": f"{chapter}-0000 HE'S HERE\n{chapter}-0001 YES\n".encode(),
        f"{folder}/{chapter}-0000.flac": flac(),
        f"{folder}/{chapter}-0001.flac": flac(),
    }


def prepare(folder: Path, **changes: Any) -> list[corpora.Utterance]:
    return librispeech.prepare(folder, **{"source": None, "download": False, "mirror": None, **SUBSETS, **changes})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for subset in SPEAKERS:
        for name, content in members(subset).items():
            (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "source" / name).write_bytes(content)
    return tmp_path / "source"


def test_reads_the_layout(tmp_path: Path, source: Path) -> None:
    utterances = prepare(tmp_path / "corpus", source=source)
    assert utterances[0] == corpora.Utterance(
        "19-7-0000", "train", "19", "audio/train-clean-100/19/7/19-7-0000.flac", 1.0, "he's here"
    )
    assert [u.split for u in utterances] == ["train"] * 2 + ["dev"] * 2 + ["test"] * 2
    assert all(len(audio.read(tmp_path / "corpus" / u.path, audio.LINKED_LIMIT)) == 16_000 for u in utterances)
    corpora.write(utterances, tmp_path / "corpus", disjoint_speakers=True)
    assert prepare(tmp_path / "corpus", source=source) == utterances


def spoil(path: str, change: Callable[[Path], object]) -> tuple[str, Callable[[Path], object]]:
    return f"LibriSpeech/dev-clean/84/7/{path}", change


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        (*spoil("84-7.trans.txt", Path.unlink), r"84-7\.trans\.txt: no such transcript"),
        (*spoil("84-7.trans.txt", lambda p: p.write_text("84-7-0000 A\n")), r"no line for 84-7-0001\.flac"),
        (*spoil("84-7.trans.txt", lambda p: p.write_text("84-7-0000\n")), "line 1: the text is empty"),
        (
            *spoil("84-7.trans.txt", lambda p: p.write_text("84-8-0000 A\n")),
            "line 1 does not begin with 84-7-",
        ),
        (
            *spoil("84-7.trans.txt", lambda p: p.write_text("../../84-7-0000 A\n")),
            "does not begin with 84-7-",
        ),
        (*spoil("84-7.trans.txt", lambda p: p.write_bytes(b"84-7-0000 \xff\n")), "not UTF-8"),
        (*spoil("84-7-0001.flac", Path.unlink), r"84-7-0001\.flac: in the transcript, but"),
        (*spoil("84-7-0001.flac", lambda p: p.write_text("x")), r"84-7-0001\.flac: not readable"),
        (*spoil("84-7-0001.flac", lambda p: soundfile.write(p, np.zeros(9), 8000)), "8000 Hz"),
        (
            *spoil("84-7-0001.flac", lambda p: soundfile.write(p, np.zeros(121 * 16_000), 16_000)),
            r"84-7-0001\.flac: holds 121 s of audio, more than the limit of 120 s; replace the file",
        ),
    ],
)
def test_broken_parts_are_named(
    tmp_path: Path, source: Path, path: str, change: Callable[[Path], object], message: str
) -> None:
    change(source / path)
    with pytest.raises(InputError, match=message) as caught:
        prepare(tmp_path / "corpus", source=source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dev": ["dev-other"]}, "dev-other: no such folder; correct the source or allow the download"),
        ({"dev": []}, "dev: names no LibriSpeech subset"),
        ({"dev": ["test-clean"]}, "test-clean is in dev already"),
        ({"dev": ["../dev-clean"]}, "'../dev-clean' is no name"),
        ({"dev": ["dev-far"], "download": True}, "dev-far: cannot be downloaded; choose from dev-clean"),
        ({"dev": ["dev-other"], "download": True, "mirror": "file:///etc"}, "mirror: file:///etc"),
    ],
)
def test_wrong_configuration(tmp_path: Path, source: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(tmp_path / "corpus", source=source, **changes)


def test_does_not_replace_another_corpus(tmp_path: Path, source: Path) -> None:
    (tmp_path / "corpus" / "audio").mkdir(parents=True)
    (tmp_path / "corpus" / "audio" / "mine.flac").touch()
    with pytest.raises(InputError, match="audio: holds another corpus"):
        prepare(tmp_path / "corpus", source=source)


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data/librispeech is not here")
def test_real_utterances(tmp_path: Path) -> None:
    splits = {"train": ["test-other"], "dev": ["test-clean"]}
    with pytest.raises(InputError, match="test: names no"):
        prepare(tmp_path, source=REAL, **splits, test=[])
    utterances = librispeech._read(REAL / "LibriSpeech", splits)
    assert len(utterances) == 104
    assert sum(u.seconds for u in utterances) / 60 == pytest.approx(13, abs=1)
    assert "stuff it into you his belly counselled him" in {u.text for u in utterances}


class Server(ThreadingHTTPServer):
    """Serve `files`, at most `limit` bytes of a body, after `busy` refused requests; log Range headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.limit: int | None = None
        self.ranges = True
        self.busy = 0
        self.log: list[str | None] = []

    @property
    def mirror(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/12/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.log.append(wanted)
        if self.server.busy:
            self.server.busy -= 1
            self.send_error(503)
            return
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:][: self.server.limit])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def publish(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    """Put an archive on the server and its digest into the table of published digests."""

    def publish(subset: str, content: bytes) -> bytes:
        server.files[f"/12/{subset}.tar.gz"] = content
        address = next(url for url in published._CHECKSUMS if url.endswith(f"/{subset}.tar.gz"))
        monkeypatch.setitem(published._CHECKSUMS, address, hashlib.sha256(content).hexdigest())
        return content

    return publish


@pytest.fixture
def online(server: Server, publish: Callable[..., bytes]) -> Server:
    for subset in SPEAKERS:
        publish(subset, archive(members(subset)))
    return server


def test_downloads_what_is_not_there(tmp_path: Path, online: Server) -> None:
    utterances = prepare(tmp_path / "corpus", download=True, mirror=online.mirror)
    assert len(utterances) == 6
    assert all((tmp_path / "corpus" / u.path).is_file() for u in utterances)
    assert [p.name for p in (tmp_path / "corpus" / "download").iterdir()] == ["LibriSpeech"]
    assert prepare(tmp_path / "corpus", download=True, mirror=online.mirror) == utterances
    assert len(online.log) == 3


def test_downloads_into_the_source(tmp_path: Path, online: Server) -> None:
    prepare(tmp_path / "corpus", source=tmp_path / "books", download=True, mirror=online.mirror)
    assert (tmp_path / "books" / "LibriSpeech" / "dev-clean" / "84").is_dir()


def test_interrupted_download_goes_on_in_the_next_run(tmp_path: Path, online: Server) -> None:
    online.limit = 100
    with pytest.raises(InputError, match=r"train-clean-100\.tar\.gz: download stopped after 300 bytes"):
        prepare(tmp_path, download=True, mirror=online.mirror)
    assert not (tmp_path / "download" / "LibriSpeech").exists()
    online.limit = None
    assert len(prepare(tmp_path, download=True, mirror=online.mirror)) == 6
    assert online.log[:4] == [None, "bytes=100-", "bytes=200-", "bytes=300-"]


def test_server_without_ranges_starts_over(tmp_path: Path, online: Server) -> None:
    online.ranges = False
    (tmp_path / "download").mkdir()
    (tmp_path / "download" / "dev-clean.tar.gz.part").write_bytes(b"old")
    assert len(prepare(tmp_path, download=True, mirror=online.mirror)) == 6


def test_part_of_something_longer_is_dropped(tmp_path: Path, online: Server) -> None:
    (tmp_path / "download").mkdir()
    (tmp_path / "download" / "dev-clean.tar.gz.part").write_bytes(bytes(100_000))
    assert len(prepare(tmp_path, download=True, mirror=online.mirror)) == 6


def test_part_that_is_whole_is_not_fetched_again(tmp_path: Path, online: Server) -> None:
    (tmp_path / "download").mkdir()
    whole = online.files["/12/train-clean-100.tar.gz"]
    (tmp_path / "download" / "train-clean-100.tar.gz.part").write_bytes(whole)
    assert len(prepare(tmp_path, download=True, mirror=online.mirror)) == 6
    assert online.log == [f"bytes={len(whole)}-", None, None]


def test_busy_server_is_asked_again(tmp_path: Path, online: Server) -> None:
    online.busy = 2
    assert len(prepare(tmp_path, download=True, mirror=online.mirror)) == 6
    online.busy = 3
    with pytest.raises(InputError, match="HTTP 503"):
        prepare(tmp_path / "other", download=True, mirror=online.mirror)


def test_wrong_checksum_is_removed(tmp_path: Path, online: Server) -> None:
    online.files["/12/dev-clean.tar.gz"] = archive(members("test-clean"))
    with pytest.raises(InputError, match=r"dev-clean\.tar\.gz: the archive does not have the published SHA-256"):
        prepare(tmp_path, download=True, mirror=online.mirror)
    assert [p.name for p in (tmp_path / "download").iterdir()] == ["LibriSpeech"]
    assert not (tmp_path / "download" / "LibriSpeech" / "dev-clean").exists()


def test_missing_archive(tmp_path: Path, online: Server) -> None:
    del online.files["/12/dev-clean.tar.gz"]
    with pytest.raises(InputError, match=r"dev-clean\.tar\.gz: HTTP 404"):
        prepare(tmp_path, download=True, mirror=online.mirror)


def test_a_mirror_helps_out_and_goes_on_with_what_is_there(
    tmp_path: Path, online: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publisher does not answer, one mirror stops early, and the other sends the rest."""
    for url in list(published._CHECKSUMS):
        moved = url.replace("http://www.openslr.org/resources/12/", "http://127.0.0.1:9/")
        monkeypatch.setitem(published._CHECKSUMS, moved, published._CHECKSUMS[url])
        monkeypatch.delitem(published._CHECKSUMS, url)
    monkeypatch.setattr(librispeech, "MIRRORS", [online.mirror.rstrip("/"), f"{online.mirror}./"])
    online.limit = 100
    online.files |= {path.replace("/12/", "/12/.//"): content for path, content in online.files.items()}
    with pytest.raises(InputError, match=r"^http://127\.0\.0\.1:9/train-clean-100.* \(nor from 2 mirrors\)$"):
        prepare(tmp_path, download=True)
    assert (tmp_path / "download" / "train-clean-100.tar.gz.part").stat().st_size == 600
    online.limit = None
    assert len(prepare(tmp_path, download=True)) == 6
    assert online.log[6] == "bytes=600-"


def test_a_server_that_refuses_connections(tmp_path: Path, server: Server) -> None:
    with pytest.raises(InputError, match=r"download stopped after 0 bytes .*refused"):
        prepare(tmp_path, download=True, mirror="http://127.0.0.1:9/")


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = target
    return member


@pytest.mark.parametrize(
    "member",
    [
        special("LibriSpeech/../../evil", tarfile.REGTYPE),
        special("/tmp/evil", tarfile.REGTYPE),
        special("LibriSpeech/train-clean-100/link", tarfile.SYMTYPE, "/etc"),
        special("LibriSpeech/train-clean-100/link", tarfile.LNKTYPE, "LibriSpeech/train-clean-100/19"),
        special("LibriSpeech/train-clean-100/pipe", tarfile.FIFOTYPE),
    ],
    ids=["parent", "absolute", "symlink", "hardlink", "fifo"],
)
def test_hostile_archive(tmp_path: Path, server: Server, publish: Any, member: tarfile.TarInfo) -> None:
    publish("train-clean-100", archive(members("train-clean-100"), member))
    with pytest.raises(InputError, match="is a link, a device or leads outside"):
        prepare(tmp_path / "corpus", download=True, mirror=server.mirror)
    assert [p.name for p in (tmp_path / "corpus" / "download").iterdir()] == ["train-clean-100.tar.gz"]
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content[: len(content) // 2], "the archive is damaged"),
        (lambda content: b"no gzip", "the archive is damaged"),
        (lambda content: archive({"LibriSpeech/README.TXT": b"x"}), "contains no LibriSpeech/train-clean-100"),
    ],
    ids=["half", "other", "empty"],
)
def test_useless_archive(
    tmp_path: Path, server: Server, publish: Any, spoil: Callable[[bytes], bytes], message: str
) -> None:
    publish("train-clean-100", spoil(archive(members("train-clean-100"))))
    with pytest.raises(InputError, match=message):
        prepare(tmp_path, download=True, mirror=server.mirror)
    assert not (tmp_path / "download" / "LibriSpeech").exists()


@pytest.mark.slow
def test_a_corpus_of_full_size_is_listed_in_a_minute_and_a_gigabyte() -> None:
    script = Path(__file__).parents[2] / "benchmarks" / "listing.py"
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    print(result.stdout)
    found = re.match(
        r"281243 utterances listed, sorted and written in ([0-9.]+) s with at most ([0-9.]+) GB", result.stdout
    )
    assert found
    assert float(found[1]) <= 60
    assert float(found[2]) <= 1
