"""How full something is that has an end, and from when on that is told.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from heddle.checks.base import Level

WARN, FAIL = 0.70, 0.90


@dataclass(frozen=True, slots=True)
class Fill:
    """`used` of `limit`, in bytes, numbers or whatever `name` says."""

    name: str
    used: int
    limit: int

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit > 0 else 1.0

    def __str__(self) -> str:
        return f"{self.name} {100 * self.share:.0f} % full ({human(self.used)} of {human(self.limit)})"


def grade(fill: Fill, warn: float = WARN, fail: float = FAIL) -> Level:
    if fill.share >= fail:
        return Level.FAILURE
    return Level.WARNING if fill.share >= warn else Level.SUCCESS


def human(number: int) -> str:
    """A large number with a binary prefix, as 3.2 G."""
    size = float(number)
    for unit in ("", "K", "M", "G", "T", "P"):
        if size < 1024:
            return f"{size:.0f}" if not unit else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} E"
