"""Numbers of things in sentences."""

from __future__ import annotations

import pytest

from heddle.checks.words import counted


@pytest.mark.parametrize(("number", "words", "said"), [
    (0, ("host",), "0 hosts"), (1, ("host",), "1 host"), (2, ("host",), "2 hosts"),
    (1, ("host answers", "hosts answer"), "1 host answers"), (12, ("host answers", "hosts answer"), "12 hosts answer"),
])  # fmt: skip
def test_counted(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said
