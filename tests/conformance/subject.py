"""What is under test: the user's file, or this project's attacks and recognisers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from asrtransfer import extension

FILE = os.environ.get("CONFORMANCE_FILE", "")
KEYS: dict[str, Any] = yaml.safe_load(os.environ.get("CONFORMANCE_KEYS", "") or "{}")
PHRASE = "dab"


def fails(line: str) -> None:
    """End the test with one line that says what does not conform."""
    pytest.fail(line, pytrace=False)


@dataclass(frozen=True)
class Attack:
    """The attack under test."""

    use: str

    def section(self, **keys: Any) -> Any:
        """Its section, with keys of the test's beside those that were given."""
        class_ = extension.find("attack", self.use).class_
        return class_.section.model_validate({"phrases": [PHRASE], **KEYS, **keys})
