"""Whether a network card of this host has a carrier, as the kernel says."""

from __future__ import annotations

from pathlib import Path

_DEVICES = Path("/sys/class/net")
_WITHOUT = frozenset({"down", "lowerlayerdown", "notpresent"})


def has_carrier(name: str) -> bool:
    """Not of a card that is set down or not there; one that does not know its state has.

    What is read waits for no lock that a change of another device holds.
    """
    try:
        return (_DEVICES / name / "operstate").read_text(encoding="ascii").strip() not in _WITHOUT
    except OSError:
        return False
