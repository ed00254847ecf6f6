"""A fake of what the router and DHCP roles touch: namespaces, their rules, dnsmasq, ports on the switch.

One `FakeKernel` is a host: it keeps its state when the agent is made anew.  `fail[name]` makes whatever concerns that
namespace fail; `touched` lists what was changed, as (what, name).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from heddle.host.announce import Announcement
from heddle.host.conntrack import Passing, Service
from heddle.host.dnsmasq import Files, Lease
from heddle.host.layout import Change, Deviation, Layout
from heddle.host.meters import Count, Labels
from heddle.host.netlink import NetlinkError
from heddle.host.nft import Table
from heddle.host.ovs import Interface, OvsConflict, PortSpec
from heddle.host.radvd import Advertised, Farewell, configuration, farewells
from heddle.host.rtnetlink import FALLBACK, Route


@dataclass
class Held:
    """What a namespace holds."""

    ours: bool = True
    number: int = 0
    addresses: dict[str, set[str]] = field(default_factory=dict)
    routes: frozenset[Route] = frozenset()
    table: Table | None = None
    left: Table | None = None
    labels: Labels = field(default_factory=dict)
    connections: set[str] = field(default_factory=set)
    passing: set[Passing] = field(default_factory=set)
    announced: list[str] = field(default_factory=list)


class FakeKernel:
    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        self.servers: dict[str, Files] = {}
        self.leases: dict[str, list[Lease]] = {}
        self.released: list[Lease] = []
        self.advertised: dict[str, tuple[Advertised, ...]] = {}
        self.farewells: list[Farewell] = []
        self.ovs = FakeOvs()
        self.fail: dict[str, Exception] = {}
        self.touched: list[tuple[str, str]] = []
        self._number = 0

    def spaces(self, prefix: str, userspace: bool = True) -> FakeSpaces:
        return FakeSpaces(self, prefix)

    def server(self, network_id: str, namespace: str, run: Path, state: Path) -> FakeDnsmasq:
        return FakeDnsmasq(self, network_id, namespace)

    def radvd(self, router_id: str, namespace: str, run: Path) -> FakeRadvd:
        return FakeRadvd(self, router_id, namespace)

    def make(self, name: str, ours: bool = True) -> Held:
        self._number += 1
        self.held[name] = Held(ours, self._number)
        return self.held[name]

    def check(self, name: str) -> None:
        if name in self.fail:
            raise self.fail[name]

    def touch(self, what: str, name: str) -> None:
        self.touched.append((what, name))


class FakeSpaces:
    def __init__(self, kernel: FakeKernel, prefix: str) -> None:
        self.prefix = prefix
        self._kernel = kernel
        self._open: dict[str, FakeSpace] = {}

    def ensure(self, name: str, settings: Mapping[str, str]) -> FakeSpace:
        self._kernel.check(name)
        if not self.is_current(name):
            held = self._kernel.held.get(name)
            if held is not None and not held.ours:
                from heddle.host.spaces import ForeignNamespace

                raise ForeignNamespace(f"the network namespace {name} is not Heddle's")
            if held is None:
                self._kernel.touch("namespace", name)
                held = self._kernel.make(name)
            self._open[name] = FakeSpace(self._kernel, name, held)
        return self._open[name]

    def is_current(self, name: str) -> bool:
        return name in self._open and self._kernel.held.get(name) is self._open[name].held

    def ours(self) -> list[str]:
        return sorted(name for name, held in self._kernel.held.items() if name.startswith(self.prefix) and held.ours)

    def counts(self, name: str) -> list[Count]:
        held = self._kernel.held.get(name)
        return FakeMeters(self._kernel, name, held).read() if held else []

    def remove(self, name: str) -> list[str]:
        held = self._kernel.held.pop(name, None)
        self.forget(name)
        if held is None:
            return []
        self._kernel.touch("removal", name)
        return sorted(held.addresses.keys() - FALLBACK)

    def reap(self, interfaces: Collection[str]) -> None:
        for name in interfaces:
            self._kernel.touch("reaping", name)

    def forget(self, name: str) -> None:
        self._open.pop(name, None)

    def close(self) -> None:
        self._open.clear()


class FakeSpace:
    def __init__(self, kernel: FakeKernel, name: str, held: Held) -> None:
        self._kernel, self._name, self.held = kernel, name, held
        self._left: Table | None = None
        self.meters = FakeMeters(kernel, name, held)

    def converge(self, layout: Layout) -> Change:
        self._kernel.check(self._name)
        held, wanted = self.held, {item.name: item for item in layout.interfaces}
        removed = tuple(name for name in held.addresses if name not in wanted and name not in FALLBACK)
        made = tuple(name for name in wanted if name not in held.addresses)
        for name in removed:
            del held.addresses[name]
        added, withdrawn = [], []
        for name, item in wanted.items():
            has = held.addresses.setdefault(name, set())
            added += [(name, each) for each in sorted(item.addresses - has)]
            withdrawn += [(name, each) for each in sorted(has - item.addresses)]
            held.addresses[name] = set(item.addresses)
        failures = [NetlinkError(101, f"route {each.destination}") for each in layout.routes if not each.device]
        requests = len(added) + len(withdrawn) + len(layout.routes ^ held.routes)
        held.routes = layout.routes
        if made or removed or requests:
            self._kernel.touch("layout", self._name)
        return Change(made, removed, tuple(added), tuple(withdrawn), requests, tuple(failures))

    def deviations(self, layout: Layout) -> list[Deviation]:
        self._kernel.check(self._name)
        held = self.held
        found = [Deviation(item.name, "missing") for item in layout.interfaces if item.name not in held.addresses]
        for item in layout.interfaces:
            if held.addresses.get(item.name, item.addresses) != item.addresses:
                found.append(Deviation(f"addresses of {item.name}", str(held.addresses[item.name])))
        return found + ([Deviation("routes", "others")] if layout.routes != held.routes else [])

    def disturbed(self, table: Table) -> bool:
        return self._left is not None and self.held.table != self._left

    def rules(self, table: Table) -> str:
        self._kernel.check(self._name)
        if self.held.table == table:
            self._left = table
            return "same"
        outcome = "drift" if self._left is not None and self.held.table != self._left else "changed"
        self.held.table = self._left = table
        self._kernel.touch("rules", self._name)
        return outcome

    def cut(self, addresses: Collection[str], services: Collection[Service] = ()) -> int:
        """Connections are addresses, or `address:port`."""
        found = self.held.connections & set(addresses)
        for each in services:
            found |= self.held.connections & {f"{each.address}:{port}" for port in range(each.first, each.last + 1)}
        self.held.connections -= found
        return len(found)

    def cut_where(self, doomed: Callable[[Passing], bool]) -> int:
        found = {each for each in self.held.passing if doomed(each)}
        self.held.passing -= found
        return len(found)

    def announce(self, announcements: Collection[Announcement]) -> None:
        self.held.announced += [each.address for each in announcements]


class FakeMeters:
    """Each counter has counted one packet for each of its rules."""

    def __init__(self, kernel: FakeKernel, name: str, held: Held) -> None:
        self._kernel, self._name, self._held = kernel, name, held

    def ensure(self, labels: Labels) -> str:
        if self._held.labels == labels:
            return "same"
        self._held.labels = dict(labels)
        self._kernel.touch("meters", self._name)
        return "changed"

    def disturbed(self, labels: Labels) -> bool:
        return self._held.labels != labels

    def read(self) -> list[Count]:
        return [Count(label, self._held.number, len(rules), 100) for label, rules in sorted(self._held.labels.items())]


class FakeDnsmasq:
    def __init__(self, kernel: FakeKernel, network_id: str, namespace: str) -> None:
        self._kernel, self._id, self._namespace = kernel, network_id, namespace

    def ensure(self, files: Files) -> str:
        self._kernel.check(self._namespace)
        before = self._kernel.servers.get(self._id)
        self._kernel.servers[self._id] = files
        outcome = (
            "started" if before is None
            else "restarted" if before.conf != files.conf
            else "same" if before == files
            else "reloaded"
        )  # fmt: skip
        if outcome != "same":
            self._kernel.touch(outcome, self._id)
        return outcome

    def deviations(self, files: Files) -> list[Deviation]:
        same = self._kernel.servers.get(self._id) == files
        return [] if same else [Deviation("dnsmasq with its files", "not so")]

    def leases(self) -> list[Lease]:
        return list(self._kernel.leases.get(self._id, []))

    def release(self, leases: Collection[Lease], server: str, interface: str) -> None:
        self._kernel.released += leases
        self._kernel.leases[self._id] = [each for each in self.leases() if each not in leases]

    def remove(self) -> None:
        self._kernel.servers.pop(self._id, None)
        self._kernel.leases.pop(self._id, None)


class FakeRadvd:
    """`FakeKernel.advertised` by router; what guests were told of its end is in `farewells`."""

    def __init__(self, kernel: FakeKernel, router_id: str, namespace: str) -> None:
        self._kernel, self._id, self.namespace = kernel, router_id, namespace

    @property
    def speaks(self) -> bool:
        return self._id in self._kernel.advertised

    def retract(self, wanted: Collection[Advertised]) -> list[Farewell]:
        before = "".join(f"{line}\n" for line in configuration(self._kernel.advertised.get(self._id, ())))
        return farewells(before, wanted)

    def tell(self, gone: Collection[Farewell]) -> None:
        self._kernel.farewells += gone

    def ensure(self, wanted: Collection[Advertised]) -> str:
        self._kernel.check(self.namespace)
        before = self._kernel.advertised.get(self._id)
        if not wanted:
            return "stopped" if self.remove() else "none"
        self._kernel.advertised[self._id] = tuple(wanted)
        outcome = "started" if before is None else "same" if before == tuple(wanted) else "reloaded"
        if outcome != "same":
            self._kernel.touch(outcome, self._id)
        return outcome

    def deviations(self, wanted: Collection[Advertised]) -> list[Deviation]:
        same = self._kernel.advertised.get(self._id, ()) == tuple(wanted)
        return [] if same else [Deviation("radvd as it was started", "not so")]

    def remove(self) -> bool:
        return self._kernel.advertised.pop(self._id, None) is not None


class FakeOvs:
    """The ports of br-int, as far as the roles need them."""

    def __init__(self) -> None:
        self.ports: dict[str, PortSpec] = {}

    def interface(self, name: str) -> Interface | None:
        spec = self.ports.get(name)
        if spec is None:
            return None
        ids = spec.port_external_ids
        return Interface(name, spec.bridge, port_id=spec.external_ids["iface-id"], ofport=1, port_external_ids=ids)

    def interfaces(self, bridge: str) -> list[Interface]:
        return [each for name in self.ports if (each := self.interface(name)) and each.bridge == bridge]

    def batch(self) -> FakeBatch:
        return FakeBatch(self)


class FakeBatch:
    def __init__(self, ovs: FakeOvs) -> None:
        self._ovs = ovs
        self._new: list[PortSpec] = []
        self._gone: list[str] = []

    def ensure_port(self, spec: PortSpec) -> None:
        there = self._ovs.ports.get(spec.name)
        if there is not None and there.bridge != spec.bridge:
            raise OvsConflict(f"the port {spec.name} is on the bridge {there.bridge}")
        self._new.append(spec)

    def delete_port(self, name: str) -> None:
        self._gone.append(name)

    def commit(self, wait: bool = False) -> None:
        for name in self._gone:
            self._ovs.ports.pop(name, None)
        self._ovs.ports.update({spec.name: spec for spec in self._new})
