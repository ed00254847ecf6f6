"""What a target can be asked, and who stands in for it where none is there to be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING

from heddle import __version__
from heddle.checks.base import CannotSee, Finding, not_applicable
from heddle.checks.releases import apart
from heddle.checks.target.description import Description
from heddle.store.examine.rehearsal import Rehearsal

if TYPE_CHECKING:
    from heddle.checks.context import Context

NOTHING = not_applicable("no --target names another release: its wheel, or an environment that has it")
PREFIX = "heddle_target_"  # of the folders that wheels are unpacked into
Findings = Finding | Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a release without running it, and what the Python has that is to run it: its full version, and
    the versions of its `libraries`, by canonical name.

    `requires` as Requires-Dist has them; `tags` are those of a wheel that this Python does not take, "" where it does.
    `installed`: the release is there with its libraries, rather than to be installed.
    """

    release: str
    requires_python: str
    requires: tuple[str, ...]
    python: str
    libraries: Mapping[str, str] = field(default_factory=dict)
    tags: str = ""
    installed: bool = False


class Coming(ABC):
    """`release` and `name` of the target, the name as it stands in a sentence; `same`: it is the program that runs."""

    same = False

    def __init__(self, release: str, name: str) -> None:
        self.release, self.name = release, name

    @property
    def facts(self) -> Facts | None:
        """None where nothing is known but the release."""
        return None

    @abstractmethod
    def describe(self) -> Description:
        """What it says of itself.  Raises `CannotSee`."""

    @abstractmethod
    def rehearse(self, url: str, passed: Callable[[], bool]) -> Rehearsal:
        """Runs its migrations on the copy of a database; `passed`: whether it is to give up.  Raises `CannotSee`."""


class Named(Coming):
    """A release of which only the number is known."""

    def __init__(self, release: str) -> None:
        super().__init__(release, f"release {release}")
        self.same = apart(__version__, release) == 0

    def describe(self) -> Description:
        raise CannotSee(self._reason)

    def rehearse(self, url: str, passed: Callable[[], bool]) -> Rehearsal:
        raise CannotSee(self._reason)

    @property
    def _reason(self) -> str:
        return (
            f"this program is {__version__}, and of {self.release} only the number is known: --target takes the path "
            "of its wheel, or of an environment that has it"
        )


def compared(look: Callable[[Context, Description], Findings]) -> Callable[[Context], Findings]:
    """A check that compares the target's description with what is here."""

    @wraps(look)
    def check(context: Context) -> Findings:
        return NOTHING if context.coming.same else look(context, context.described.get())

    return check
