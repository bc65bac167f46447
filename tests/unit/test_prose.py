"""Documents, docstrings and comments use plain words."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BANNED = re.compile(
    r"\b(so[- ]man(?:y|ieth)|besides|whatever|what is there|for it is|so as to|the so-\w+|of that name|see to it"
    r"|spar(?:e|es|ed|ing))\b".replace(" ", r"\s+"),
    re.IGNORECASE,
)
"""Phrases for which there are plain words."""
ALLOWED: dict[tuple[str, str], str] = {}
"""Reasons for true uses, by file and phrase."""
MARKDOWN = {".md", ".rst", ".html"}
COMMENTED = {".yaml", ".yml", ".toml", ".cff", ".in", ""}
CODE = {".py", ".smk"}
SCRIPTED = {".css", ".js"}
READ = MARKDOWN | COMMENTED | CODE | SCRIPTED


def prose(path: Path) -> str:
    """What people read in a file: a whole document; docstrings and comments of code; comments of anything else."""
    text = path.read_text()
    if path.suffix in MARKDOWN:
        return text
    if path.suffix in COMMENTED:
        return "\n".join(re.findall(r"(?:^|\s)#(.*)", text))
    if path.suffix in SCRIPTED:
        return "\n".join(re.findall(r"/\*[\s\S]*?\*/|(?<!:)//.*", text))
    found, first = [], True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and first):
            found.append(token.string.lstrip("#"))
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            first = token.type == tokenize.NEWLINE
    return "\n".join(found)


def test_documents_docstrings_and_comments_are_in_plain_english() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: no list of tracked files")
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    found = {
        (name, match[0].lower())
        for name in names
        if (ROOT / name).is_file() and (ROOT / name).suffix in READ
        for match in BANNED.finditer(prose(ROOT / name))
    }
    assert sorted(found - ALLOWED.keys()) == []
    assert sorted(ALLOWED.keys() - found) == [], "take them out of ALLOWED"


def test_a_banned_phrase_is_found_in_every_kind_of_file(tmp_path: Path) -> None:
    """The test above would pass with a reader that reads nothing."""
    kinds = {
        "a.md": "text so\nmany text",
        "a.py": 'x = 1\n\n\ndef f():\n    """So many."""\n',
        "b.py": "x = 1  # besides\n",
        "a.smk": 'rule a:\n    """Whatever."""\n    input:\n        "x",\n',
        "a.yaml": "a: 1  # so as to\n",
        "a.js": "/* whatever */\n",
        "Makefile": "# of that name\n",
    }
    for name, text in kinds.items():
        (tmp_path / name).write_text(text)
        assert BANNED.search(prose(tmp_path / name)), name
    (tmp_path / "c.py").write_text('besides = "whatever"\n')
    assert not BANNED.search(prose(tmp_path / "c.py")), "names and texts of code are not prose"
