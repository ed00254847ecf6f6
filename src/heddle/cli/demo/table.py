"""The demo's expectations, and its result as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH = 110
HEADER = ("from", "to", "protocol", "expected", "seen", "ms", "how it is known")


@dataclass(frozen=True, slots=True)
class Result:
    """One expectation and what was seen; `ms` is None where there is nothing to time."""

    sender: str
    to: str
    protocol: str
    expected: str
    seen: str
    ms: float | None = None
    known: str = ""

    @property
    def good(self) -> bool:
        return self.seen == self.expected

    def cells(self) -> tuple[str, ...]:
        ms = "-" if self.ms is None else f"{self.ms:.1f}"
        seen = self.seen if self.good else f"{self.seen} (!)"
        return (self.sender, self.to, self.protocol, self.expected, seen, ms, self.known)


@dataclass(frozen=True, slots=True)
class Row:
    """An expectation; `check(bench, row)` tries it and gives a `Result`."""

    sender: str
    to: str
    protocol: str
    expected: str
    check: Callable[..., Result]
    target: str = ""


def render(results: Sequence[Result]) -> str:
    """The table, at most `WIDTH` columns wide; the last column is folded."""
    rows = [HEADER, *(result.cells() for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER) - 1)]
    room = max(20, WIDTH - sum(widths) - 2 * len(widths) - 1)
    lines = []
    for number, row in enumerate(rows):
        folded = _fold(row[-1], room)
        cells = [f"{cell:>{width}}" if column == 5 else f"{cell:<{width}}"
                 for column, (cell, width) in enumerate(zip(row[:-1], widths, strict=True))]  # fmt: skip
        lines.append(" " + "  ".join([*cells, folded[0]]).rstrip())
        lines += [" " * (WIDTH - room) + text for text in folded[1:]]
        if number == 0:
            lines.append(" " + "─" * (WIDTH - 1))
    return "\n".join(lines)


def _fold(text: str, room: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > room and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
