"""Attacks on a recogniser, and the loop that all of them share.

A new attack is one module with a subclass of :class:`asrtransfer.attacks.method.Method`, one line below, and its keys
in ``study.config``. Modules are imported when asked for, so that an edit of one attack concerns no other.
"""

from __future__ import annotations

import importlib

from asrtransfer.attacks.method import Method

METHODS = {
    "cw": "asrtransfer.attacks.cw:CarliniWagner",
    "pgd": "asrtransfer.attacks.pgd:ProjectedGradient",
}


def method(name: str) -> type[Method]:
    """The attack of that name.

    Raises:
        KeyError: if there is none.
    """
    module, attribute = METHODS[name].split(":")
    attack: type[Method] = getattr(importlib.import_module(module), attribute)
    return attack
