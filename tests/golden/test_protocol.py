"""Messages of the release before are understood by this one, and this one's by the release before.

`protocol/before.json` has every message of the release before, as its program made them when it was released; it never
changes.  `protocol/now.json` has this program's.  The release before is asked itself what it understands of those.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from tests.golden.helper import check_golden
from tests.upgrade import before, messages
from tests.upgrade.protocol import differences, faults

NOW = messages.samples()
BEFORE = before.messages()
# What is sent only to who has said that it takes questions, and by who hears by the end of a connection that none are
# passed on (tests/contract/test_bus.py has both).
AGREED = {"Ask", "Asking", "Reply"}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return before.unpack(tmp_path_factory.mktemp("before"))


def test_the_messages_are_written_down() -> None:
    check_golden("protocol/now.json", json.dumps(NOW, indent=1, sort_keys=True) + "\n")


def test_the_release_before_is_the_one_whose_messages_are_written_down(older: Path) -> None:
    assert json.loads(before.run(older, "messages")) == BEFORE


@pytest.mark.parametrize("name", sorted(BEFORE))
def test_what_the_release_before_sends_is_understood(name: str) -> None:
    assert faults(name, BEFORE[name], messages.read) == []


def test_what_this_release_sends_is_understood_by_the_one_before(older: Path) -> None:
    """Fields that it does not know it skips; messages that it does not know are objects of new kinds, or agreed on."""
    asked = [(name, variant) for name in sorted(NOW) for variant in ("full", "least")]
    objects = [sample["full"] for sample in NOW.values() if "kind" in sample["full"]]
    text = json.dumps({"messages": [[name, NOW[name][variant]] for name, variant in asked], "objects": objects})
    answers = json.loads(before.run(older, "read", text=text))
    found = []
    for (name, variant), answer in zip(asked, answers["messages"], strict=True):
        meant = messages.read(name, NOW[name][variant])
        if "unknown" in answer:
            assert "kind" in meant or name in AGREED, f"{name}: unknown to the release before, and no object"
        else:
            assert "error" not in answer, f"{name}, {variant}: the release before says {answer['error']}"
            found += [where for _, where in differences(answer["understood"], meant, name)]
    assert found == [], "the release before understands something else than is meant"
    known = {sample["full"]["kind"] for sample in BEFORE.values() if "kind" in sample["full"]}
    assert answers["mirrored"] == {"held": {kind: ["id"] for kind in sorted(known)}, "broken": {}}
    assert {each["kind"] for each in objects} - known, "there are kinds that it does not know, and they hinder nothing"


class Room(msgspec.Struct, omit_defaults=True):
    name: str
    size: int = 1
    doors: list[str] = []


class Renamed(msgspec.Struct, omit_defaults=True):
    name: str
    width: int = 1
    doors: list[str] = []


class Wanting(Room, kw_only=True):
    colour: str


class Narrower(msgspec.Struct, omit_defaults=True):
    name: str
    size: Annotated[int, msgspec.Meta(le=3)] = 1
    doors: list[str] = []


class Otherwise(msgspec.Struct, omit_defaults=True):
    name: str
    size: str = ""
    doors: list[str] = []


class Larger(msgspec.Struct, omit_defaults=True):
    name: str
    size: int = 2
    doors: list[str] = []


class Grown(Room):
    colour: str = "white"


@pytest.mark.parametrize(("kind", "says"), [
    (Renamed, ["Room.size (is not understood). it was renamed or taken away"]),
    (Wanting, ["missing required field `colour`. a field that must be there"]),
    (Otherwise, ["Expected `str`, got `int` - at `$.size`. a field has another type"]),
    (Narrower, ["Expected `int` <= 3 - at `$.size`. a field has another type"]),
    (Larger, ["Room.size: 1 is 2 (is understood otherwise). a field that has its default does not travel"]),
    (None, ["Room: this message is not known. the other release goes on sending it"]),
    (Grown, []), (Room, []),
])  # fmt: skip
def test_what_breaks_is_said(kind: type[msgspec.Struct] | None, says: list[str]) -> None:
    defaults = {"name": "name", "size": 1, "doors": []}
    sample = {"full": messages.full(Room), "least": messages.least(Room), "defaults": defaults}
    kinds = {} if kind is None else {"Room": kind}

    def decode(name: str, message: Any) -> Any:
        return messages.understood(msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=kinds[name]))

    found = faults("Room", sample, decode)
    assert len(found) >= len(says) and all(any(text in each for each in found) for text in says), found
    assert bool(found) == bool(says)
