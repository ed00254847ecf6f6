"""The connections of routers that stand by here, kept in their namespaces as the active host tells.

What is told goes into the kernel at once, so that nothing is left to be done when the router is taken over.  At the end
of a beginning what was not told goes.  Whatever does not follow from what was heard before (a gap, a run whose
beginning was missed) is not taken; the host that told it is asked to begin anew.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from heddle.agent.ha.connections.wire import Ask, Begin, Changes, End, Message
from heddle.host.carried import Connection, Name

log = logging.getLogger(__name__)

ASK_AGAIN = 1.0


class Namespace(Protocol):
    """`host.carried_keep.Keeper`, or what tests put in its place."""

    def put(self, connections: Iterable[Connection]) -> Sequence[OSError]: ...

    def drop(self, names: Iterable[Name]) -> Sequence[OSError]: ...

    def keep_only(self, names: Collection[Name]) -> int: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Standby:
    """`told`: what has been told since the beginning, None after its end."""

    namespace: Namespace
    sender: str = ""
    term: int = -1
    run: int = -1
    number: int = 0
    told: set[Name] | None = None
    asked: dict[str, float] = field(default_factory=dict)
    failed: int = 0


class Receiver:
    """`open_namespace` raises `OSError` where there is none of that name."""

    def __init__(self, open_namespace: Callable[[str], Namespace]) -> None:
        self._open_namespace = open_namespace
        self._standbys: dict[str, _Standby] = {}

    def routers(self) -> set[str]:
        return set(self._standbys)

    def stand_by(self, router: str, namespace: str) -> bool:
        """The router stands by here; whether its namespace could be opened."""
        if router not in self._standbys:
            with contextlib.suppress(OSError):
                self._standbys[router] = _Standby(self._open_namespace(namespace))
        return router in self._standbys

    def forget(self, router: str) -> None:
        """The router has become active here, or is here no longer.  What is in its namespace stays."""
        standby = self._standbys.pop(router, None)
        if standby is not None:
            standby.namespace.close()

    def cut_off(self, sender: str) -> None:
        """Nothing comes from this host any more: another may tell of its routers, in whatever term."""
        for standby in self._standbys.values():
            if standby.sender == sender:
                standby.term = standby.run = -1

    def is_complete(self, router: str) -> bool:
        """Whether all that the active host has was told here."""
        standby = self._standbys.get(router)
        return standby is not None and standby.run >= 0 and standby.told is None

    def hear(self, now: float, sender: str, message: Message) -> Ask | None:
        """Take what is said; what is to be answered.  Raises `OSError` when the namespace cannot be read."""
        standby = self._standbys.get(message.router)
        if standby is None or isinstance(message, Ask):
            return None
        if isinstance(message, Begin):
            if message.term >= standby.term:
                standby.sender, standby.term, standby.run = sender, message.term, message.run
                standby.number, standby.told = 0, set()
            return None
        follows = sender == standby.sender and message.run == standby.run
        if not follows or message.number != standby.number + 1:
            return self._lost(now, standby, sender, message)
        standby.number = message.number
        if isinstance(message, End):
            self._end(message.router, standby)
        else:
            self._take(message, standby)
        return None

    def _lost(self, now: float, standby: _Standby, sender: str, message: Changes | End) -> Ask | None:
        if sender == standby.sender:
            standby.run = -1
        if now - standby.asked.get(sender, now - ASK_AGAIN) < ASK_AGAIN:
            return None
        standby.asked[sender] = now
        return Ask(message.router)

    def _take(self, message: Changes, standby: _Standby) -> None:
        failures = [*standby.namespace.drop(message.gone), *standby.namespace.put(message.changed)]
        if failures and not standby.failed:
            log.warning("router=%s a connection cannot be kept here: %s", message.router, failures[0])
        standby.failed += len(failures)
        if standby.told is not None:
            standby.told.difference_update(message.gone)
            standby.told.update(each.name for each in message.changed)

    def _end(self, router: str, standby: _Standby) -> None:
        if standby.told is not None:
            dropped = standby.namespace.keep_only(standby.told)
            log.info("router=%s connections=%d dropped=%d", router, len(standby.told), dropped)
        standby.told = None
