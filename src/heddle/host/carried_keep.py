"""Connections of another host put into a namespace of this one, so that its kernel could go on with them at any moment.

Made for a namespace through which nothing passes: one that is there otherwise is deleted and made anew, because the
kernel changes nothing of what a connection is translated to.  One that closes or that nobody refreshes lives as long
as its own host's word is fresh (`LEAST`), or a stream of datagrams would be forgotten here while it flows there.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Sequence

from heddle.host.carried import SCTP, TCP, UDP, Connection, Name
from heddle.host.carried_codec import GET, creation, deletion, deletion_by_answers, read
from heddle.host.carried_events import note_events
from heddle.host.netlink import DUMP, NETFILTER, Netlink, NetlinkError, Request
from heddle.host.netns import path_of

LEAST = 120
_OURS = frozenset({TCP, UDP, SCTP})
_ALL = Request(GET, bytes(4), DUMP, "list of connections")


class Keeper:
    """Of the namespace of this name.  Raises `OSError` where there is none."""

    def __init__(self, namespace: str) -> None:
        self._netlink = Netlink(NETFILTER, path_of(namespace))
        note_events(namespace)

    def close(self) -> None:
        self._netlink.close()

    def put(self, connections: Iterable[Connection]) -> list[NetlinkError]:
        """Have them so; one that cannot be made does not stop the others.  Returns the failures."""
        wanted = {(request := creation(each, LEAST)).body: (request, each) for each in connections}
        failures = self._netlink.run(request for request, _ in wanted.values())
        others = [error for error in failures if error.errno != errno.EEXIST or error.request is None]
        again = [wanted[error.request.body] for error in failures if error.errno == errno.EEXIST and error.request]
        missing = (errno.ENOENT,)
        requests: list[Request] = []
        for request, each in again:
            requests += [deletion(each.name, missing), deletion_by_answers(each, missing), request]
        return others + self._netlink.run(requests)

    def drop(self, names: Iterable[Name]) -> list[NetlinkError]:
        """Have none of these."""
        return self._netlink.run(deletion(name, (errno.ENOENT,)) for name in names)

    def keep_only(self, names: Collection[Name]) -> int:
        """Drop all that are not named; returns how many.  Those of protocols that are not carried stay."""
        surplus = [each.name for each in self.connections() if each.name not in names]
        return len(surplus) - len(self.drop(surplus))

    def connections(self) -> Sequence[Connection]:
        """Those that are there, of the protocols that are carried.  Raises `NetlinkError`."""
        found = (read(body) for _, body in self._netlink.ask(_ALL))
        return [each for each in found if each is not None and each.protocol in _OURS]
