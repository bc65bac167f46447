"""The sections ``attacks`` and ``families``, each read as what its attack or recogniser says that its keys are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from asrtransfer import extension
from asrtransfer.attacks.method import Attack, Method
from asrtransfer.attacks.section import OF_STEPS, OF_THE_JOBS, AttackSection
from asrtransfer.extension import Extension, Kind
from asrtransfer.files.errors import InputError
from asrtransfer.recognisers.base import Recogniser
from asrtransfer.recognisers.section import FamilySection
from study.config.errors import FORMS, NAME, ConfigError, explain, shorten

CLASSES: dict[Kind, tuple[type, type]] = {
    "attack": (Attack, AttackSection),
    "recogniser": (Recogniser, FamilySection),
}
"""What the class of an extension is a subclass of, and its section."""


def read_sections(key: str, kind: Kind, given: Any) -> Any:
    """Read sections by what their names, or their key ``use``, refer to.

    Args:
        key: of the configuration: ``attacks`` or ``families``.
        kind: what the sections are of.
        given: by name, the keys of a section; one that is null is left out.

    Returns:
        By name, its section; what is no mapping comes back as it is, for others to refuse.

    Raises:
        ConfigError: one line that names the key and says what is allowed.
    """
    if not isinstance(given, Mapping):
        return given
    found = {}
    for name, keys in given.items():
        if keys is None or keys == "null":
            continue
        if not isinstance(name, str) or not re.fullmatch(NAME, name) or name.startswith("seed-"):
            raise ConfigError(f"{key}.{shorten(name)}: {FORMS[NAME]}, and does not begin with seed-")
        if not isinstance(keys, Mapping):
            raise ConfigError(f"{key}.{name}: a section with keys of its own (given: {shorten(keys)})")
        try:
            class_ = class_of(kind, name, keys.get("use"))
            section = class_.section.model_validate(dict(keys))
            if isinstance(section, AttackSection):
                section = _check_confidences(f"{key}.{name}.confidences", section)
                _check_steps(f"{key}.{name}", class_, section)
            found[name] = section
        except ValidationError as error:
            raise ConfigError(explain(error, (key, name))) from None
        except InputError as error:
            raise ConfigError(f"{key}.{name}.use: {error}") from None
    return found


def _check_confidences(key: str, section: AttackSection) -> AttackSection:
    """Make sure that the section has a confidence, and that each overrides keys that there are with allowed values."""
    for name, overrides in section.confidences.items():
        if fixed := sorted(OF_THE_JOBS & overrides.keys()):
            raise ConfigError(f"{key}.{name}.{fixed[0]}: is the same at every confidence; set it outside confidences")
        try:
            section.at(name)
        except ValidationError as error:
            raise ConfigError(explain(error, (*key.split("."), name))) from None
    return section


def _check_steps(key: str, class_: type[Attack], section: AttackSection) -> None:
    """Make sure that no attack as a whole is given what concerns steps."""
    if issubclass(class_, Method):
        return
    fields = type(section).model_fields
    for at in map(section.at, section.confidences):
        for name in OF_STEPS:
            if getattr(at, name) != fields[name].default:
                raise ConfigError(f"{key}.{name}: {class_.label} makes a sample at once, without steps; remove the key")


def find(kind: Kind, name: str, use: str | None) -> Extension:
    """The extension that a section is of: that of its key ``use``, or else the one called as it is."""
    return extension.find(kind, use if isinstance(use, str) and use != "null" else name)


def class_of(kind: Kind, name: str, use: Any) -> Any:
    """The class of the attack or recogniser that a section is of.

    Raises:
        InputError: if there is none, or its file does not hold what it must.
    """
    found = find(kind, name, use)
    class_ = found.class_
    base, section = CLASSES[kind]
    if not issubclass(class_, base):
        raise InputError(
            f"{found.use}: {class_.__name__} is no {kind}; make it a subclass of one, see docs/extending.md"
        )
    own = getattr(class_, "section", None)
    if not isinstance(own, type) or not issubclass(own, section):
        raise InputError(
            f"{found.use}: {class_.__name__} has no section; give it section = YourKeys, a subclass of "
            f"{section.__name__}"
        )
    if kind == "attack" and not isinstance(getattr(class_, "label", None), str):
        raise InputError(f"{found.use}: {class_.__name__} has no label; give it label = 'what tables call it'")
    return class_
