"""What a check is, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from heddle.errors import HeddleError

if TYPE_CHECKING:
    from heddle.checks.context import Context
    from heddle.checks.openstack.context import OpenStack

KINDS = ("configuration", "environment", "database", "queue", "network", "versions")
LONGEST = 14.0
HEDDLE_ONLY = "it looks at a part that only Heddle has"


class Level(IntEnum):
    """From the best to the worst."""

    NOT_APPLICABLE = 0
    SUCCESS = 1
    WARNING = 2
    UNKNOWN = 3
    FAILURE = 4

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize()

    @property
    def code(self) -> int:
        """As oslo.upgradecheck numbers results and exit codes, and 255 for what could not be seen."""
        return {Level.WARNING: 1, Level.FAILURE: 2, Level.UNKNOWN: 255}.get(self, 0)


class CannotSee(Exception):
    """Raised by a check that could not look; the text says why."""


class NoQuestion(HeddleError):
    """What was asked is wrong, and nothing is looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check saw: in a sentence, and as figures or names in `evidence`.

    `node`: on which host, "" for the cloud as a whole; `remedy`: "" for that of the check.
    """

    level: Level
    details: str
    evidence: str = ""
    node: str = ""
    remedy: str = ""


def well(details: str, evidence: str = "") -> Finding:
    return Finding(Level.SUCCESS, details, evidence)


def warning(details: str, evidence: str = "", *, node: str = "", remedy: str = "") -> Finding:
    return Finding(Level.WARNING, details, evidence, node, remedy)


def failure(details: str, evidence: str = "", *, node: str = "", remedy: str = "") -> Finding:
    return Finding(Level.FAILURE, details, evidence, node, remedy)


def unknown(details: str, *, node: str = "", remedy: str = "") -> Finding:
    return Finding(Level.UNKNOWN, details, "", node, remedy)


def not_applicable(details: str) -> Finding:
    return Finding(Level.NOT_APPLICABLE, details)


@dataclass(frozen=True, slots=True)
class OnOpenStack:
    """How a check looks at a running OpenStack, what it reads of it, and what is to be done there."""

    look: Callable[[OpenStack], Sequence[Finding]]
    reads: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Check:
    """`check` looks and says what it found: one finding, or one for each host or thing that is not well.

    `severity` is the worst that it may say; `seconds` its deadline; `kind` is the folder's name, filled in when it is
    loaded.  `doctor`: it also belongs to the health of a running cloud.  `openstack`: how it looks at a running
    OpenStack, or why it does not apply there.
    """

    id: str
    title: str
    reads: str
    severity: Level
    remedy: str
    check: Callable[[Context], Finding | Sequence[Finding]]
    seconds: float = 9.0
    doctor: bool = True
    openstack: OnOpenStack | str = HEDDLE_ONLY
    kind: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        missing = [name for name in ("id", "title", "reads", "remedy") if not getattr(self, name)]
        if missing or self.severity not in (Level.WARNING, Level.FAILURE) or not 0 < self.seconds <= LONGEST:
            raise TypeError(f"check {self.id!r} is incomplete: {', '.join(missing) or 'severity or seconds'}")


class Cloud(Protocol):
    """What checks look at: Heddle's own (`context.Context`), or a running OpenStack (`openstack.context.OpenStack`)."""

    def look(self, check: Check) -> Finding | Sequence[Finding]:
        """What the check says of this cloud."""

    def close(self) -> None:
        """What was opened to be looked at."""


@dataclass(frozen=True, slots=True)
class Result:
    """A finding, with the check whose it is and how long that took."""

    check: Check
    finding: Finding
    seconds: float

    @property
    def level(self) -> Level:
        return self.finding.level

    @property
    def remedy(self) -> str:
        """What to do, "" where nothing is to be done, or where nothing was seen and the details say why."""
        if self.level in (Level.SUCCESS, Level.NOT_APPLICABLE):
            return ""
        return self.finding.remedy or ("" if self.level == Level.UNKNOWN else self.check.remedy)
