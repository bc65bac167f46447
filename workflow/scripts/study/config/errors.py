"""What is wrong with a configuration, in one line that names the key."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError

from study import names

RESULTS = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$"
MODEL = rf"^{names.MODEL}$"
SURROGATE = rf"^{names.SURROGATE}$"
NAME = rf"^{names.NAME}$"
FORMS = {
    RESULTS: "a folder inside this one, in letters, digits, '_', '-' and '.', such as results/first",
    MODEL: "seed-N, one of its arms seed-N.twin, seed-N.ulp-K, seed-N.native-K, seed-N.data-P, seed-N.tuned-E and "
    "seed-N.shares-K-of-M, one of these of another family as FAMILY.seed-N, the name of a loaded recogniser, or "
    "any of these as MODEL@CHANNEL",
    SURROGATE: "a model, or several as a list or joined by '+'",
    NAME: "a name of a-z, 0-9 and '-'",
}
"""What a value must look like, in words, by its pattern."""


class ConfigError(ValueError):
    """The configuration is wrong; one line that names the key and what is allowed."""


def explain(error: ValidationError, prefix: Sequence[str] = ()) -> str:
    """One line about the first problem: key, what is allowed, what was given.

    Args:
        prefix: the keys of the section around what was read.
    """
    problem = error.errors(include_url=False)[0]
    parts = [*prefix, *map(str, problem["loc"])]
    key = ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part) else shorten(part) for part in parts)
    message = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    given = problem["input"]
    match problem["type"]:
        case "value_error":
            return f"{'.'.join(prefix)}: {message}" if prefix else message
        case "extra_forbidden" | "invalid_key":
            return f"{key}: unknown key; see config/README.md for those there are"
        case "missing":
            return f"{key}: missing; config/README.md says what it is"
        case "string_pattern_mismatch":
            message = FORMS.get(problem["ctx"]["pattern"], "a path has no control characters")
        case "string_type" if isinstance(given, bool):
            message = 'to YAML, yes, no, on and off are no words; write "yes", "no", "on" or "off"'
        case "model_type" | "dict_type":
            message = "a section with keys of its own, see config/README.md"
        case _:
            message = message[0].lower() + message[1:]
    return f"{key or 'configuration'}: {message} (given: {shorten(given)})"


def shorten(value: object) -> str:
    """A value in at most 60 characters of one line."""
    try:
        text = " ".join(repr(value).split())
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
