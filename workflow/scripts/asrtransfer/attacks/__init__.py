"""Attacks on a recogniser, and the loop that all of them share.

A new attack is one module here that ends in ``METHOD = TheClass``, a subclass of
:class:`asrtransfer.attacks.method.Method`, and one line in ``study.config.Attacks`` that registers it with its keys.
Modules are imported when asked for, so that an edit of one attack concerns no other.
"""

from __future__ import annotations

import importlib

from asrtransfer.attacks.method import Method


def method(name: str) -> type[Method]:
    """The attack of that name.

    Raises:
        ModuleNotFoundError: if there is none.
    """
    attack: type[Method] = importlib.import_module(f"asrtransfer.attacks.{name}").METHOD
    return attack
