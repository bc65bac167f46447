"""ctcdecode beside our own search, and the script that builds it, tried on a small archive of the same shape."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from archives import archive
from posteriors import one, spoken_row

from asrtransfer.ctc.base import Decoder
from asrtransfer.ctc.decoding import build
from asrtransfer.ctc.flashlight import FlashlightDecoder
from asrtransfer.text.alphabet import SIZE

ROOT = Path(__file__).resolve().parents[2]
PHRASES = ["open the door", "go to evil website", "text mom i need money", "turn off all the cameras"]
RELEASE = "ctcdecodeupd-1.0.8"

SETUP = """
import os
from multiprocessing.pool import ThreadPool
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

class BuildExtension(build_ext):
    @classmethod
    def with_options(cls, use_ninja):
        return cls

for library in ("openfst-1.6.7", "boost_1_67_0"):
    assert os.path.isfile(f"third_party/{library}.tar.gz"), "would be downloaded"
ThreadPool(os.cpu_count())
setup(
    name="ctcdecodeupd",
    version="1.0.8",
    packages=["ctcdecode"],
    ext_modules=[
        Extension(
            "ctcdecode._ext",
            ["third_party/kenlm/lm/vocab.cc"],
            language="c++",
            extra_compile_args=["-std=c++14"],
        )
    ],
    cmdclass={"build_ext": BuildExtension},
)
"""
HEADER = """
class SpecialWordMissingException {};
void MissingUnknown() throw(SpecialWordMissingException);
"""
SOURCE = """
#include <Python.h>
#include "vocab.hh"
void MissingUnknown() throw(SpecialWordMissingException) {}
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_ext"};
PyMODINIT_FUNC PyInit__ext(void) { return PyModule_Create(&module); }
"""
FILES = {
    "PKG-INFO": "Metadata-Version: 1.0\nName: ctcdecodeupd\nVersion: 1.0.8\n",
    "setup.py": SETUP,
    "ctcdecode/__init__.py": "from ctcdecode import _ext\nclass CTCBeamDecoder: ...\n",
    "third_party/kenlm/lm/vocab.hh": HEADER,
    "third_party/kenlm/lm/vocab.cc": SOURCE,
}


def texts(decoder: Decoder, seed: int, sharpness: float) -> list[str]:
    row = spoken_row(PHRASES[seed % len(PHRASES)], seed, sharpness)
    return [found.text for found in decoder.top(*one(row))[0]]


class TestParity:
    @pytest.fixture(autouse=True)
    def _built(self) -> None:
        pytest.importorskip("ctcdecode", reason="ctcdecode is not built: make ctcdecode")

    @pytest.mark.parametrize("sharpness", [1.5, 2.0, 3.0, 4.0, 8.0])
    def test_the_ten_texts_are_the_same(self, sharpness: float) -> None:
        """Two hundred posteriors; the best text has a probability above e-18."""
        ours, theirs = FlashlightDecoder(), build("ctcdecode")
        differing = [seed for seed in range(40) if texts(ours, seed, sharpness) != texts(theirs, seed, sharpness)]
        assert differing == []

    @pytest.mark.parametrize("seed", [3, 13])
    def test_on_improbable_texts_only_the_beams_differ(self, seed: int) -> None:
        """Below e-25 neither beam of 100 holds all of the ten: 13 loses three of ours, 3 two of ctcdecode's."""
        wide = texts(FlashlightDecoder(beam=2000, tokens_per_frame=SIZE, thresholds=[math.inf]), seed, 1.0)
        assert texts(build("ctcdecode", beam=1000), seed, 1.0) == wide
        assert texts(FlashlightDecoder(), seed, 1.0) != texts(build("ctcdecode"), seed, 1.0)


@dataclass(frozen=True)
class Sandbox:
    """A folder with the build script, an environment to build for, and an archive to build from."""

    path: Path

    def offer(self, files: dict[str, str]) -> None:
        """Put an archive where pip finds it, and its hash into the list."""
        content = archive({f"{RELEASE}/{name}": text.encode() for name, text in files.items()})
        (self.path / "offered").mkdir(exist_ok=True)
        (self.path / f"offered/{RELEASE}.tar.gz").write_bytes(content)
        pin = f"ctcdecodeupd==1.0.8 --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
        (self.path / "envs/ctcdecode.txt").write_text(pin)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text()
        assert old in text
        (self.path / name).write_text(text.replace(old, new))

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {
            "VENV": str(self.path / "venv"),
            "TMPDIR": str(self.path / "temporary"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.path / "offered"),
        }
        return subprocess.run(
            [shutil.which("bash") or "bash", "envs/ctcdecode"],
            cwd=self.path,
            env=os.environ | given | environment,
            capture_output=True,
            text=True,
        )

    def state(self) -> dict[Path, tuple[int, int]]:
        """Size and time of every file of the environment."""
        files = [path for path in (self.path / "venv").rglob("*") if path.is_file()]
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    def imported(self) -> Path:
        """The file that the environment's Python imports as ctcdecode."""
        command = [self.path / "venv/bin/python", "-c", "import ctcdecode; print(ctcdecode.__file__)"]
        return Path(subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip())


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    (tmp_path / "envs").mkdir()
    (tmp_path / "temporary").mkdir()
    for name in ("ctcdecode", "requirements.txt"):
        shutil.copy2(ROOT / "envs" / name, tmp_path / "envs" / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    # Setuptools and pip are those of the environment that runs the tests.
    [packages] = (tmp_path / "venv/lib").glob("python*/site-packages")
    packages.joinpath("tests.pth").write_text("".join(f"{path}\n" for path in sys.path if path.endswith("-packages")))
    sandbox = Sandbox(tmp_path)
    sandbox.offer(FILES)
    return sandbox


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is missing")
class TestBuild:
    def test_is_installed_once(self, sandbox: Sandbox) -> None:
        first = sandbox.run()
        assert first.returncode == 0, first.stderr
        assert sandbox.imported().is_relative_to(sandbox.path / "venv")
        state = sandbox.state()
        second = sandbox.run()
        assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
        assert sandbox.state() == state
        assert list((sandbox.path / "temporary").iterdir()) == []

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            pytest.param("vocab.cc 's/ throw", "vocab.cc 's/ throws", "patching", id="a patch finds nothing"),
            pytest.param("    edit third_party/kenlm/lm/vocab.cc", "    :", "compiling", id="a patch is missing"),
        ],
    )
    def test_broken_patch_leaves_the_environment(self, sandbox: Sandbox, old: str, new: str, message: str) -> None:
        sandbox.edit("envs/ctcdecode", old, new)
        self._fails(sandbox, f"{message} {RELEASE} failed")

    def test_other_archive_is_refused(self, sandbox: Sandbox) -> None:
        sandbox.edit("envs/ctcdecode.txt", "sha256:", "sha256:" + "0" * 8)
        pin = (sandbox.path / "envs/ctcdecode.txt").read_text().strip()
        (sandbox.path / "envs/ctcdecode.txt").write_text(pin[:-8] + "\n")
        self._fails(sandbox, f"the download of {RELEASE} failed")

    def test_build_that_cannot_be_imported_is_not_installed(self, sandbox: Sandbox) -> None:
        sandbox.offer(FILES | {"ctcdecode/__init__.py": "raise ImportError('undefined symbol')\n"})
        self._fails(sandbox, "importing what was built failed")

    @staticmethod
    def _fails(sandbox: Sandbox, message: str) -> None:
        state = sandbox.state()
        result = sandbox.run()
        assert result.returncode == 1
        last = result.stderr.splitlines()[-1]
        assert last == f"envs/ctcdecode: {message}, see above; {sandbox.path / 'venv'} is as it was"
        assert sandbox.state() == state
        assert list((sandbox.path / "temporary").iterdir()) == []


def test_missing_compiler_is_one_line(sandbox: Sandbox) -> None:
    tools = sandbox.path / "tools"
    tools.mkdir()
    for name in ("bash", "dirname", "sed"):
        (tools / name).symlink_to(shutil.which(name) or name)
    state = sandbox.state()
    result = sandbox.run(PATH=str(tools))
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("envs/ctcdecode: g++ is missing; install it")
    assert sandbox.state() == state
