"""The structs of msgspec, made ready before threads use them.

msgspec works out how a struct is read when it is first needed, and keeps that where other threads find it before it is
whole: two requests at once right after the start of a server have ended its process (a segmentation fault, 0.22).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec


def make_ready() -> int:
    """Have msgspec work out all structs that are defined now, some 160 in 35 ms; call it while there is one thread."""
    every = set(_below(msgspec.Struct))
    for each in every:
        with suppress(TypeError):  # one that is only written
            msgspec.json.Decoder(each)
    return len(every)


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
