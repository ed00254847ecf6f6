"""From rows to what travels: the views of objects, compiled and encoded once per object and revision.

A host's fetch names objects by kind and id.  Those that were encoded before at the same revision come from a
cache that all hosts share; the others are loaded kind by kind, a few queries for many objects.

An object of which no view can be made keeps no other from its host: it travels as one that cannot be read, with the
reason in the place of its revision, and the host reports that.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice

import msgspec

from heddle.store.changes import Entry
from heddle.store.engine import Tx
from heddle.view import shapes

log = logging.getLogger(__name__)

_KEPT = 20_000
_FLAWS = (ValueError, TypeError, LookupError, AttributeError, msgspec.MsgspecError)
_encoder = msgspec.msgpack.Encoder()


class Compiler:
    """Compiles views; shared by all requests of a server."""

    def __init__(self) -> None:
        self._cache: OrderedDict[tuple[str, str, int], msgspec.Raw] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, tx: Tx, entries: Iterable[Entry]) -> dict[tuple[str, str], msgspec.Raw]:
        """The encoded views by kind and id.  An object that is no longer there is left out: its tombstone follows."""
        found: dict[tuple[str, str], msgspec.Raw] = {}
        missing: dict[str, dict[str, int]] = {}
        with self._lock:
            for entry in entries:
                raw = self._cache.get((entry.kind, entry.id, entry.revision))
                if raw is not None:
                    found[(entry.kind, entry.id)] = raw
                else:
                    missing.setdefault(entry.kind, {})[entry.id] = entry.revision
        for kind, revisions in missing.items():
            found.update(self._load(tx, kind, revisions))
        return found

    def _load(self, tx: Tx, kind: str, revisions: dict[str, int]) -> dict[tuple[str, str], msgspec.Raw]:
        """The encoded views of objects of a kind; where that fails, of each half by itself, down to those at fault."""
        try:
            views = list(shapes.LOADERS[kind](tx, revisions))
        except _FLAWS as error:
            if len(revisions) == 1:
                (id,) = revisions
                log.error("no view can be made %s=%s reason=%s", kind, id, error)
                broken = {"kind": kind, "id": id, "revision": f"no view can be made: {error}"}
                return {(kind, id): msgspec.Raw(_encoder.encode(broken))}
            rest = iter(revisions.items())
            halves = dict(islice(rest, len(revisions) // 2)), dict(rest)
            return {key: raw for half in halves for key, raw in self._load(tx, kind, half).items()}
        found = {}
        for view in views:
            raw = msgspec.Raw(_encoder.encode(view))
            found[(kind, view.id)] = raw
            self._keep((kind, view.id, view.revision), raw)
        return found

    def _keep(self, key: tuple[str, str, int], raw: msgspec.Raw) -> None:
        with self._lock:
            self._cache[key] = raw
            while len(self._cache) > _KEPT:
                self._cache.popitem(last=False)
