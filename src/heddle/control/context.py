"""What a verb works with: its transaction, who asks, what they may see, and the settings."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from heddle.config import Settings
from heddle.model.caller import Caller
from heddle.model.predicate import ALWAYS, Condition
from heddle.model.resource import Resource
from heddle.store.engine import Tx


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
