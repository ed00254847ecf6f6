"""What a verb works with: its transaction, who asks, what they may see, and the settings."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import msgspec

from heddle.config import Settings
from heddle.model.caller import Caller
from heddle.model.predicate import ALWAYS, Condition
from heddle.model.resource import Resource
from heddle.store.engine import Tx


class Revised(Protocol):
    """A resource with the standard attributes."""

    id: str
    revision_number: int


R = TypeVar("R", bound=Revised)


def timestamp() -> str:
    """Now, in UTC, as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id() -> str:
    return str(uuid.uuid4())


@dataclass(slots=True)
class Context:
    """One call of a verb.  `visible` gives the condition under which the caller sees objects of a resource."""

    tx: Tx
    caller: Caller
    settings: Settings
    visible: Callable[[type[Resource]], Condition] = lambda model: ALWAYS
    now: str = field(default_factory=timestamp)

    def made(self, value: R, **more: Any) -> R:
        """A new object with these attributes: its id, first revision and times."""
        first = {"id": new_id(), "revision_number": 1, "created_at": self.now, "updated_at": self.now}
        return _replace(value, first | more)

    def changed(self, old: R, value: R | None = None, **more: Any) -> R:
        """The next revision of an object: with the attributes of `value`, or else its own, and those in `more`."""
        following = {"revision_number": old.revision_number + 1, "updated_at": self.now}
        return _replace(old if value is None else value, following | more)


def _replace(value: R, more: dict[str, Any]) -> R:
    new: R = msgspec.structs.replace(value, **more)  # type: ignore[type-var]
    return new
