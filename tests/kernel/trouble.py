"""What stops a run: said in one line, with how to mend it."""

from __future__ import annotations


class Trouble(Exception):
    """The machine could not be made or did not do what it should."""
