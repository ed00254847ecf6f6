"""The namespaces of one kind (`qrouter-`, `qfip-`, `qdhcp-`), made when they are missing and held open.

A namespace that is removed loses its name at once, and the kernel takes its interfaces away in the background, all
together; one by one would take it some thirty milliseconds each.  What is left of them after a moment, because a
process of somebody still sits in the namespace, is deleted then, by number and not by name: the name may be in use
again.
"""

from __future__ import annotations

import contextlib
import resource
import threading
from collections.abc import Callable, Collection, Mapping

from heddle.errors import HeddleError
from heddle.host import conntrack, netns, rtnetlink
from heddle.host.announce import Announcement, Announcer
from heddle.host.conntrack import Passing, Service
from heddle.host.layout import Change, Deviation, Layout, deviations
from heddle.host.meters import Count, Meters, read
from heddle.host.netlink import NETFILTER, Netlink, within
from heddle.host.netns import Namespace
from heddle.host.nft import Ruleset, Table

_REAP_AFTER = 1.0


class ForeignNamespace(HeddleError):
    """A namespace of our name is there and is not ours."""


class Space:
    """One namespace, and what can be done in it."""

    def __init__(self, namespace: Namespace, fresh: bool, announcer: Announcer) -> None:
        self.namespace = namespace
        self._ruleset = Ruleset(namespace, fresh)
        self.meters = Meters(namespace)
        self._announcer = announcer

    def converge(self, layout: Layout) -> Change:
        """Make interfaces, addresses, routes and forwarding be so.  Failures are in the answer."""
        return self.namespace.converge(layout)

    def deviations(self, layout: Layout) -> list[Deviation]:
        """What `converge` would change."""
        return deviations(layout, self.namespace.observe())

    def disturbed(self, table: Table) -> bool:
        """Whether the nftables table is another than the one that was left."""
        return self._ruleset.disturbed(table)

    def rules(self, table: Table) -> str:
        """Make the nftables table be so: "same", "changed" or "drift".  Raises `CommandError`."""
        return self._ruleset.ensure(table)

    def cut(self, addresses: Collection[str], services: Collection[Service] = ()) -> int:
        """Cut the connections to these addresses, under them, and to these services; returns how many."""
        return conntrack.cut(self.namespace, addresses, services)

    def cut_where(self, doomed: Callable[[Passing], bool]) -> int:
        """Cut the connections of which `doomed` says so; returns how many."""
        return conntrack.cut_where(self.namespace, doomed)

    def announce(self, announcements: Collection[Announcement]) -> None:
        """Tell the neighbours, in the background."""
        self._announcer.start(self.namespace.name, announcements)


class Spaces:
    """`prefix`: that of their names; `userspace`: the datapath is Open vSwitch's own (`Namespace`)."""

    def __init__(self, prefix: str, userspace: bool = True) -> None:
        self.prefix = prefix
        self._userspace = userspace
        self.root = Netlink()
        self._open: dict[str, Space] = {}
        self._announcer = Announcer()

    def ensure(self, name: str, settings: Mapping[str, str]) -> Space:
        """The namespace of that name, made if there is none.  Raises `ForeignNamespace` and `OSError`."""
        there = self._open.get(name)
        if there is not None and there.namespace.is_current:
            return there
        self.forget(name)
        fresh = not netns.identity(name)
        if fresh:
            netns.remove(name)
            netns.create(name, settings)
        opened = Namespace(name, self.root, self._userspace)
        if not opened.is_ours:
            opened.close()
            raise ForeignNamespace(
                f"the network namespace {name} is not Heddle's; if nothing needs it: ip netns delete {name}"
            )
        if not fresh:
            within(netns.path_of(name), lambda: netns.write_settings(settings))
        self._open[name] = Space(opened, fresh, self._announcer)
        return self._open[name]

    def is_current(self, name: str) -> bool:
        """Whether the namespace is held open and is still the one of that name."""
        return name in self._open and self._open[name].namespace.is_current

    def ours(self) -> list[str]:
        """The namespaces of this kind on the host that bear our mark."""
        return [name for name in netns.names(self.prefix) if self._is_ours(name)]

    def counts(self, name: str) -> list[Count]:
        """What was counted in a namespace, held open or not; nothing where there is none."""
        try:
            filter = Netlink(NETFILTER, netns.path_of(name))
        except OSError:
            return []
        try:
            return read(filter)
        finally:
            filter.close()

    def remove(self, name: str) -> list[str]:
        """Remove a namespace with its interfaces; returns the names that these had."""
        interfaces: list[str] = []
        if netns.identity(name):
            with contextlib.suppress(OSError):
                interfaces = _interfaces(name)
        outer = self._links(interfaces)
        self.forget(name)
        netns.remove(name)
        if outer:
            reaper = threading.Timer(_REAP_AFTER, _reap, [outer])
            reaper.daemon = True
            reaper.start()
        return interfaces

    def reap(self, interfaces: Collection[str]) -> None:
        """Remove what is still there of interfaces whose namespace has lost its name."""
        self.root.run([rtnetlink.delete_index(index) for index in self._links(interfaces)])

    def _links(self, interfaces: Collection[str]) -> list[int]:
        return [link.index for each in interfaces if (link := rtnetlink.link(self.root, each)) is not None]

    def forget(self, name: str) -> None:
        opened = self._open.pop(name, None)
        if opened is not None:
            opened.namespace.close()

    def close(self) -> None:
        self._announcer.close()
        for name in list(self._open):
            self.forget(name)
        self.root.close()

    def _is_ours(self, name: str) -> bool:
        if name in self._open:
            return True
        try:
            opened = Namespace(name, self.root)
        except OSError:
            return False
        try:
            return opened.is_ours
        finally:
            opened.close()


def _interfaces(name: str) -> list[str]:
    routing = Netlink(netns=netns.path_of(name))
    try:
        own = {"lo", *rtnetlink.FALLBACK}
        return [link.name for link in rtnetlink.links(routing) if link.name not in own]
    finally:
        routing.close()


def _reap(indexes: list[int]) -> None:
    root = Netlink()
    root.run([rtnetlink.delete_index(index) for index in indexes])
    root.close()


def allow_descriptors() -> None:
    """Let this process open as many files as it may: a namespace held open takes three."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

