"""Seals of messages: whatever somebody writes in the place of one is none, and breaks nothing."""

from __future__ import annotations

import pytest

from heddle.bus.seal import holds, seal

KEY, PARTS, BODY = "the key of h1", ("reply", "h1", "7"), b"body"


def test_the_seal_of_the_key_holds() -> None:
    assert holds(KEY, seal(KEY, PARTS, BODY), PARTS, BODY)
    assert not holds("", seal("", PARTS, BODY), PARTS, BODY)


@pytest.mark.parametrize("found", ["", "0" * 64, "ä", "\0", "\ud800", seal("another", PARTS, BODY)])
def test_what_is_no_seal_of_the_key_does_not(found: str) -> None:
    assert not holds(KEY, found, PARTS, BODY)


@pytest.mark.parametrize("part", ["ä", "\ud800"])
def test_odd_parts_are_sealed_as_they_are(part: str) -> None:
    assert holds(KEY, seal(KEY, (part,), BODY), (part,), BODY)
    assert not holds(KEY, seal(KEY, (part,), BODY), ("?",), BODY)
