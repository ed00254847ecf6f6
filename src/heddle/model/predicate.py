"""Conditions on resources: a small language that rights and filters are written in.

A condition is data.  `store` turns it into SQL, and `holds` decides it for one object in memory; both
mean the same.  A field may be one of a parent, as `network.project_id` of a port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Always:
    """True for every object."""


@dataclass(frozen=True, slots=True)
class Never:
    """True for none."""


@dataclass(frozen=True, slots=True)
class Eq:
    field: str
    value: object


@dataclass(frozen=True, slots=True)
class In:
    field: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """The field's text begins with `prefix`."""

    field: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Granted:
    """An RBAC entry lets one of the targets do `action` with the object.

    The first of the `targets` is everybody and the second, if any, the project of the caller for whom objects are
    read; `field` says the same of an object in memory.
    """

    field: str
    object_type: str
    action: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


Condition = Always | Never | Eq | In | Prefix | Granted | All | Any | Not

ALWAYS = Always()
NEVER = Never()


def all_of(parts: Iterable[Condition]) -> Condition:
    """The conjunction, simplified."""
    kept: list[Condition] = []
    for part in parts:
        if isinstance(part, Never):
            return NEVER
        if isinstance(part, All):
            kept += part.parts
        elif not isinstance(part, Always):
            kept.append(part)
    if not kept:
        return ALWAYS
    return kept[0] if len(kept) == 1 else All(tuple(kept))


def any_of(parts: Iterable[Condition]) -> Condition:
    """The disjunction, simplified."""
    kept: list[Condition] = []
    for part in parts:
        if isinstance(part, Always):
            return ALWAYS
        if isinstance(part, Any):
            kept += part.parts
        elif not isinstance(part, Never):
            kept.append(part)
    if not kept:
        return NEVER
    return kept[0] if len(kept) == 1 else Any(tuple(kept))


def negate(part: Condition) -> Condition:
    if isinstance(part, Always):
        return NEVER
    if isinstance(part, Never):
        return ALWAYS
    return part.part if isinstance(part, Not) else Not(part)


def holds(condition: Condition, value_of: Callable[[str], object]) -> bool:
    """Decide the condition for one object; `value_of` gives the value of a field by its name."""
    match condition:
        case Always():
            return True
        case Never():
            return False
        case Eq(field, value):
            return value_of(field) == value
        case In(field, values):
            return value_of(field) in values
        case Prefix(field, prefix):
            return str(value_of(field)).startswith(prefix)
        case Granted(field):
            return bool(value_of(field))
        case All(parts):
            return all(holds(part, value_of) for part in parts)
        case Any(parts):
            return any(holds(part, value_of) for part in parts)
        case Not(part):
            return not holds(part, value_of)
