"""What keeps two releases from understanding each other, in words, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

ADVICE = {
    "lost": "it was renamed or taken away, and the other release goes on sending it: keep the field by its name, and "
    "add another one beside it",
    "wants": "a field that must be there is not sent by the other release: give it a default",
    "type": "a field has another type than the other release sends: keep its type, and add another field beside it",
    "default": "a field that has its default does not travel, so each release takes its own: keep the default, and add "
    "another field beside it",
    "kind": "the other release goes on sending it: keep its struct",
}
Decode = Callable[[str, Any], Any]


def differences(expected: Any, found: Any, where: str) -> Iterator[tuple[str, str]]:
    """Which values of `expected` are not the same in `found`, which may have more: "lost" or "default", and where."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            if key not in found:
                yield "lost", f"{where}.{key}"
            else:
                yield from differences(value, found[key], f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(one, other, f"{where}[{number}]")
    elif expected != found or type(expected) is not type(found):
        yield "default", f"{where}: {expected!r} is {found!r}"


def faults(name: str, sample: dict[str, Any], decode: Decode) -> list[str]:
    """What keeps `decode`, of one release, from understanding a message of the other as it was meant."""
    found = [*_read(name, sample["full"], sample["full"], decode)]
    found += _read(name, sample["least"], sample["defaults"], decode)
    for field in sample["full"].keys() - sample["least"].keys():
        without = {key: value for key, value in sample["full"].items() if key != field}
        found += _read(name, without, {**sample["full"], field: sample["defaults"][field]}, decode)
    return sorted(set(found))


def _read(name: str, message: Any, meant: Any, decode: Decode) -> Iterator[str]:
    try:
        understood = decode(name, message)
    except KeyError:
        yield f"{name}: this message is not known. {ADVICE['kind']}"
    except msgspec.MsgspecError as error:
        kind = "wants" if "missing required field" in str(error) else "type"
        yield f"{name}: {error}. {ADVICE[kind]}"
    else:
        for kind, where in differences(meant, understood, name):
            yield f"{where} ({'is not understood' if kind == 'lost' else 'is understood otherwise'}). {ADVICE[kind]}"
