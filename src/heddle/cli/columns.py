"""Rows as text for people: each column as wide as its widest cell, under its name."""

from __future__ import annotations

from collections.abc import Sequence


def columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in (names, *rows)) for column in range(len(names))]
    heads = tuple(name.upper() for name in names)
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in (heads, *rows)]  # fmt: skip
