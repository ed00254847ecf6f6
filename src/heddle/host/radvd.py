"""radvd: router advertisements (RFC 4861), one process per router that has something to advertise.

It outlives the agent, so guests that start while the agent is away get their addresses.  A change of what is advertised
is a signal, at which it advertises at once on all interfaces.

radvd says goodbye only when it ends.  So a router that is no longer one for a link, and a prefix that is taken away,
are told to the guests by this module, before the interface goes: with a router lifetime of 0, and with a preferred
lifetime of 0, which leaves an address to what already uses it (RFC 4861 6.2.5, RFC 4862 5.5.4).  A router that goes
to another host says nothing: its guests would have no default route until they hear of it from there.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import signal
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from heddle.host import icmpv6, netns
from heddle.host.daemon import Daemon, make_folder
from heddle.host.layout import Deviation
from heddle.host.netlink import within
from heddle.host.run import run

USER, FOLDER = "radvd", "ra"
INTERVAL = (30, 100)
LIFETIME = 3 * INTERVAL[1]
_WITHDRAWN = 7200
_LEAST_MTU = 1280
_BLOCK = re.compile(r"^interface (\S+) \{\n(.*?)^\};\n", re.MULTILINE | re.DOTALL)
_PREFIX = re.compile(r"^  prefix (\S+) \{ AdvAutonomous (on|off);", re.MULTILINE)
_SOURCE = re.compile(r"^  AdvRASrcAddress \{ (\S+); \};", re.MULTILINE)
_NO_ROUTER = "  AdvDefaultLifetime 0;\n"


@dataclass(frozen=True, slots=True)
class Advertised:
    """What an interface advertises, from its link-local address `source`: it may have others, which others have too.

    `default`: the router is a default router; `managed` and `other`: addresses, and other things, come by DHCPv6;
    `prefixes`: CIDR -> whether guests make their own address in it; `servers`: of names; `mtu` in bytes.
    """

    interface: str
    source: str
    mtu: int
    default: bool
    managed: bool
    other: bool
    prefixes: tuple[tuple[str, bool], ...]
    servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Farewell:
    """What guests on an interface must hear of what is no more, from the address `source`: `lifetime` of the router in
    seconds; `prefixes`, with whether guests make their own address in it."""

    interface: str
    source: str
    lifetime: int
    prefixes: tuple[tuple[str, bool], ...] = ()


class Radvd(Daemon):
    """The advertisements of one router.  `namespace` is the name of its network namespace."""

    program, argument = "radvd", "{conf}"

    def __init__(self, router_id: str, namespace: str, run_folder: Path) -> None:
        super().__init__(namespace, run_folder / FOLDER / router_id)

    @property
    def speaks(self) -> bool:
        """Whether something has been advertised and not been taken back."""
        return (self.folder / "conf").exists()

    def retract(self, wanted: Collection[Advertised]) -> list[Farewell]:
        """Advertise nothing any more that is not wanted; returns what guests must be told of it, in a moment.

        What is new in `wanted` is left to `ensure`.  Raises like that.
        """
        try:
            before = (self.folder / "conf").read_text(encoding="utf-8")
        except OSError:
            return []
        gone = farewells(before, wanted)
        if gone:
            there = {name for name, _ in _BLOCK.findall(before)}
            self.ensure([each for each in wanted if each.interface in there])
        return gone

    def tell(self, gone: Collection[Farewell]) -> None:
        """Say goodbye, while the interfaces are still there.  Raises `OSError` when the namespace is not."""
        within(netns.path_of(self.namespace), lambda: _send(gone))

    def ensure(self, wanted: Collection[Advertised]) -> str:
        """Make it advertise these, or end it when there are none.

        Returns "none", "same", "reloaded", "started" (it was not there), "restarted" (it was in the wrong namespace)
        or "stopped".  Raises `CommandError` when radvd refuses to start, `OSError` when a file cannot be written.
        """
        if not wanted:
            return "stopped" if self.remove() else "none"
        make_folder(self.folder.parent, 0o755)
        make_folder(self.folder, 0o755)
        changed = self.write("conf", configuration(wanted))
        pid = self.pid()
        if pid and self.is_in_place(pid):
            if changed:
                self.reload(pid)
            return "reloaded" if changed else "same"
        self.stop((signal.SIGKILL,))
        (self.folder / "pid").unlink(missing_ok=True)
        words = ["radvd", "-C", f"{self.folder}/conf", "-p", f"{self.folder}/pid", "-m", "none", "-u", self.user(USER)]
        within(netns.path_of(self.namespace), lambda: run(words))
        return "restarted" if pid else "started"

    def deviations(self, wanted: Collection[Advertised]) -> list[Deviation]:
        """What `ensure` would mend."""
        if not wanted:
            return [Deviation(f"no radvd for {self.namespace}", f"process {pid}")] if (pid := self.pid()) else []
        return self.unlike("conf", configuration(wanted)) + self.where()

    def remove(self) -> bool:
        """End it without a word, and forget its files; whether it was there."""
        there = self.pid() != 0
        self.stop((signal.SIGKILL,))
        self.forget("conf")
        return there


def advertising(run_folder: Path) -> set[str]:
    """The routers that have something to advertise, or had when they were last looked at."""
    try:
        return set(os.listdir(run_folder / FOLDER))
    except OSError:
        return set()


def configuration(wanted: Collection[Advertised]) -> tuple[str, ...]:
    """The lines of radvd's configuration.  A link whose MTU is too small for IPv6 gets no MTU option."""
    lines: list[str] = []
    for each in wanted:
        lines += [
            f"interface {each.interface} {{",
            "  AdvSendAdvert on;",
            "  IgnoreIfMissing on;",
            f"  AdvRASrcAddress {{ {each.source}; }};",
            f"  MinRtrAdvInterval {INTERVAL[0]};",
            f"  MaxRtrAdvInterval {INTERVAL[1]};",
            f"  AdvDefaultLifetime {LIFETIME if each.default else 0};",
            *([f"  AdvLinkMTU {each.mtu};"] if each.mtu >= _LEAST_MTU else []),
            *(["  AdvManagedFlag on;"] if each.managed else []),
            *(["  AdvOtherConfigFlag on;"] if each.other else []),
            *([f"  RDNSS {' '.join(each.servers)} {{}};"] if each.servers else []),
        ]
        for prefix, own in each.prefixes:
            lines.append(f"  prefix {prefix} {{ AdvAutonomous {'on' if own else 'off'}; }};")
        lines.append("};")
    return tuple(lines)


def farewells(before: str, wanted: Collection[Advertised]) -> list[Farewell]:
    """What guests must be told, who were told what the configuration `before` says, and will be told `wanted`."""
    after = {each.interface: each for each in wanted}
    found = []
    for name, block in _BLOCK.findall(before):
        now = after.get(name)
        kept = {prefix for prefix, _ in now.prefixes} if now else set()
        gone = tuple((prefix, own == "on") for prefix, own in _PREFIX.findall(block) if prefix not in kept)
        default = now is not None and now.default
        source = _SOURCE.search(block)
        if source and (gone or (not default and _NO_ROUTER not in block)):
            found.append(Farewell(name, source[1], LIFETIME if default else 0, gone))
    return found


def advertisement(farewell: Farewell) -> bytes:
    """The ICMPv6 message, without a checksum (RFC 4861 4.2, 4.6.2)."""
    message = struct.pack("!BBHBBHII", 134, 0, 0, 0, 0, farewell.lifetime, 0, 0)
    for prefix, own in farewell.prefixes:
        network = ipaddress.IPv6Network(prefix)
        flags = 0x80 | (0x40 if own else 0)
        message += struct.pack("!BBBBIII", 3, 4, network.prefixlen, flags, _WITHDRAWN, 0, 0)
        message += network.network_address.packed
    return message


def _send(every: Collection[Farewell]) -> None:
    for each in every:
        with contextlib.suppress(OSError):
            icmpv6.send(each.interface, advertisement(each), icmpv6.ALL_NODES, each.source)
