"""Numbers of things in sentences."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """`counted(1, "host")` is "1 host", `counted(2, "host answers", "hosts answer")` "2 hosts answer"."""
    return f"{number} {one if number == 1 else many or one + 's'}"
