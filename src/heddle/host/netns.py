"""Network namespaces: made, seen and brought to a wanted layout.

What a namespace must hold is a `Layout`, and how that differs from what it holds is worked out in `layout.py`, without
the kernel.  `Namespace.observe` reads, `Namespace.converge` applies the difference in a few netlink batches, so that
what is right is not touched and traffic does not notice.

An interface is one end of a veth; the other end, mostly of the same name, stays in the namespace of the agent, where
the switch has it as a port.  It survives a restart of the switch, which an internal port of a userspace datapath does
not.

A namespace of ours is recognised after a restart by its name and by a mark that lives in it: the alias of its
loopback interface.  A namespace of the same name without the mark is somebody else's, and is left alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from heddle.host import icmpv6
from heddle.host import rtnetlink as rt
from heddle.host.layout import (
    Change,
    Interface,
    Layout,
    Observed,
    dark,
    forwarding,
    hearing,
    interface_requests,
    proxies,
    route_requests,
    surplus,
)
from heddle.host.netlink import NETFILTER, Netlink, NetlinkError, libc, unshare, within
from heddle.host.offload import no_transmit_checksum

FOLDER = Path("/run/netns")
MARK = "heddle"
_PASSES = 3
_MS_BIND, _MS_REC, _MS_SHARED, _MNT_DETACH = 4096, 16384, 1 << 20, 2


def path_of(name: str) -> str:
    return str(FOLDER / name)


def names(prefix: str) -> list[str]:
    """The namespaces of the host whose name starts with `prefix`."""
    try:
        return sorted(entry for entry in os.listdir(FOLDER) if entry.startswith(prefix))
    except FileNotFoundError:
        return []


def create(name: str, settings: Mapping[str, str] | None = None) -> None:
    """Make a namespace, mark it, bring its loopback up and write its settings.  Raises `OSError`."""
    _prepare_folder()
    target = path_of(name)
    os.close(os.open(target, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444))
    try:
        within("/proc/self/ns/net", lambda: _unshare_to(target, settings or {}))
    except BaseException:
        remove(name)
        raise


def remove(name: str) -> None:
    """Remove a namespace's name; the kernel frees it with what is in it when nothing uses it any more."""
    target = path_of(name)
    libc.umount2(target.encode(), _MNT_DETACH)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)


def identity(name: str) -> int:
    """A number that is another one when the namespace has been made anew; 0 when there is none."""
    try:
        status = os.stat(path_of(name))
    except FileNotFoundError:
        return 0
    return status.st_ino if status.st_dev != os.stat(FOLDER).st_dev else 0


class Namespace:
    """An open namespace.  `root` is the agent's own routing socket, from which the outer ends of veths are made.

    `userspace`: the other ends are ports of a userspace datapath, so nothing may be left to a card's checksum offload.
    """

    def __init__(self, name: str, root: Netlink, userspace: bool = True) -> None:
        self.name = name
        self._userspace = userspace
        self.identity = identity(name)
        self.root = root
        self.routing, self.filter = within(path_of(name), lambda: (Netlink(), Netlink(NETFILTER)))
        self._handle = os.open(path_of(name), os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        self.routing.close()
        self.filter.close()
        os.close(self._handle)

    @property
    def is_current(self) -> bool:
        """Whether the name still stands for this namespace."""
        return identity(self.name) == self.identity

    @property
    def is_ours(self) -> bool:
        return any(link.name == "lo" and link.alias == MARK for link in rt.links(self.routing))

    def observe(self) -> Observed:
        links = {link.name: link for link in rt.links(self.routing) if link.name not in rt.FALLBACK}
        by_index = {link.index: name for name, link in links.items()}
        found: dict[str, set[str]] = {name: set() for name in links}
        for index, address in rt.addresses(self.routing):
            if index in by_index:
                found[by_index[index]].add(address)
        routes = list(rt.routes(self.routing, by_index))
        told, heard = (frozenset(route for route, by_others in routes if by_others == each) for each in (False, True))
        addresses = {name: frozenset(value) for name, value in found.items()}
        answers = frozenset((by_index.get(index, ""), each) for index, each in rt.proxied(self.routing))
        return Observed(links, addresses, told, rt.forwards(self.routing), answers, heard)

    def converge(self, layout: Layout, observed: Observed | None = None) -> Change:
        """Bring the namespace to the layout; what is right is left as it is.

        When an address goes, the kernel takes others and routes along; so after each change it is read again.  Routes
        of others are heard when those of ours have gone: the kernel would take one of them for the other.
        """
        seen = observed or self.observe()
        wanted = {interface.name for interface in layout.interfaces}
        removed = tuple(name for name in seen.links if name != "lo" and name not in wanted)
        missing = [interface for interface in layout.interfaces if interface.name not in seen.links]
        failures = self.routing.run([rt.delete_link(name) for name in removed])
        if missing:
            failures += self.make(missing)
            seen = self.observe()
        failures += self.root.run([rt.set_link(name, up=True) for name in dark(layout, seen)])
        heard = hearing(layout, seen)
        late = {name: on for name, on in heard.items() if on and name not in {item.name for item in missing}}
        self._hear({name: on for name, on in heard.items() if name not in late})
        added: dict[tuple[str, str], None] = {}
        withdrawn: dict[tuple[str, str], None] = {}
        answering = tuple(sorted(proxies(layout, seen) - seen.proxied))
        other = len(heard)
        for _ in range(_PASSES):
            fixes = [request for item in layout.interfaces for request in interface_requests(item, seen)]
            added.update(dict.fromkeys(surplus(layout, seen, new=True)))
            withdrawn.update(dict.fromkeys(surplus(layout, seen, new=False)))
            failures += self.routing.run(fixes)
            other += len(fixes)
            if not fixes:
                break
            seen = self.observe()
        if answering:
            within(path_of(self.name), lambda: answer_at_once({name for name, _ in answering}))
        repairs = route_requests(layout, seen)
        failures += self.routing.run(repairs)
        self._hear(late)
        if forwarding(layout) - seen.forwards.items():
            within(path_of(self.name), lambda: write_settings(layout.settings))
            other += 1
        made = tuple(item.name for item in missing)
        return Change(made, removed, tuple(added), tuple(withdrawn), other + len(repairs), tuple(failures),
                      answering)  # fmt: skip

    def _hear(self, interfaces: Mapping[str, bool]) -> None:
        if interfaces:
            within(path_of(self.name), lambda: hear(interfaces))

    def make(self, interfaces: Collection[Interface]) -> list[NetlinkError]:
        """Make veths that are missing, with the host's IPv6 off outside."""
        outer = [item.outer or item.name for item in interfaces]
        failures = self.root.run([rt.delete_link(name) for name in outer])
        failures += self.root.run(
            [
                rt.add_veth(name, item.name, item.mac, item.mtu, self._handle)
                for item, name in zip(interfaces, outer, strict=True)
            ]
        )
        if self._userspace:
            within(path_of(self.name), lambda: no_transmit_checksum(item.name for item in interfaces))
        for name in outer:
            with contextlib.suppress(OSError):
                Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
        return failures + self.root.run([rt.set_link(name, up=True) for name in outer])


def write_settings(settings: Mapping[str, str]) -> None:
    """Write kernel settings of the namespace of the calling thread.  Raises `OSError`."""
    for name, value in settings.items():
        Path("/proc/sys/net", name).write_text(value)


def hear(interfaces: Mapping[str, bool]) -> None:
    """Take router advertisements on interfaces, but no addresses, or none; in the namespace of the calling thread.

    Where they are taken from now, routers are asked at once: some advertise every half hour.
    """
    for name, on in interfaces.items():
        with contextlib.suppress(FileNotFoundError):
            folder = Path("/proc/sys/net/ipv6/conf", name)
            (folder / "autoconf").write_text("0")
            (folder / "accept_ra").write_text("2" if on else "0")
        if on:
            with contextlib.suppress(OSError):
                icmpv6.send(name, icmpv6.SOLICITATION, icmpv6.ALL_ROUTERS)


def answer_at_once(interfaces: Iterable[str]) -> None:
    """For others too, for which the kernel would take up to 0.8 s; in the namespace of the calling thread."""
    for name in interfaces:
        with contextlib.suppress(FileNotFoundError):
            Path(f"/proc/sys/net/ipv6/neigh/{name}/proxy_delay").write_text("0")


def _unshare_to(target: str, settings: Mapping[str, str]) -> None:
    """The name comes last: a namespace that has one bears the mark, whenever this process is killed."""
    unshare()
    socket = Netlink()
    try:
        failures = socket.run([rt.set_link("lo", up=True, alias=MARK)])
    finally:
        socket.close()
    if failures:
        raise failures[0]
    write_settings(settings)
    if libc.mount(b"/proc/thread-self/ns/net", target.encode(), b"none", _MS_BIND, None) != 0:
        _fail("bind mount", target)


def _prepare_folder() -> None:
    """Make /run/netns a shared mount, as `ip netns` does, so that other mount namespaces see what comes and goes."""
    FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder = str(FOLDER).encode()
    if libc.mount(b"", folder, b"none", _MS_SHARED | _MS_REC, None) == 0:
        return
    if ctypes.get_errno() != errno.EINVAL:
        _fail("share", str(FOLDER))
    if libc.mount(folder, folder, b"none", _MS_BIND | _MS_REC, None) != 0:
        _fail("bind mount", str(FOLDER))
    if libc.mount(b"", folder, b"none", _MS_SHARED | _MS_REC, None) != 0:
        _fail("share", str(FOLDER))


def _fail(what: str, where: str) -> None:
    code = ctypes.get_errno()
    raise OSError(code, f"{what}: {os.strerror(code)}", where)
