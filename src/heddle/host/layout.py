"""What a network namespace shall hold, what it holds, and the netlink requests that lead from one to the other.

Pure: nothing here touches the kernel.  Where a request needs the index of an interface, that comes from what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from heddle.host import rtnetlink as rt
from heddle.host.netlink import NetlinkError, Request
from heddle.host.rtnetlink import Link, Route

_WHILE_FORWARDING = 2


@dataclass(frozen=True, slots=True)
class Interface:
    """A wanted interface; `addresses` as "10.0.0.1/24".  `outer`: the name of the other end, "" for the same.

    `proxied`: IPv6 addresses of others, for which it answers neighbour solicitations.  `listens`: its default route of
    IPv6 is that which others' router advertisements tell.
    """

    name: str
    mac: str
    mtu: int
    addresses: frozenset[str] = frozenset()
    outer: str = ""
    proxied: frozenset[str] = frozenset()
    listens: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """What a namespace must hold.  `settings`: file below /proc/sys/net -> value.

    Settings are written when the namespace is made or adopted, and when forwarding is not as they say.
    """

    interfaces: tuple[Interface, ...] = ()
    routes: frozenset[Route] = frozenset()
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observed:
    """What a namespace holds; `proxied` as (interface, address); `heard`: the routes of router advertisements."""

    links: dict[str, Link]
    addresses: dict[str, frozenset[str]]
    routes: frozenset[Route]
    forwards: dict[int, bool] = field(default_factory=dict)
    proxied: frozenset[tuple[str, str]] = frozenset()
    heard: frozenset[Route] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What `converge` did: interfaces made and removed, addresses, as (interface, address), that are new and that went,
    those of others for which it answers from now, the number of requests, and what failed."""

    made: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    added: tuple[tuple[str, str], ...] = ()
    withdrawn: tuple[tuple[str, str], ...] = ()
    requests: int = 0
    failures: tuple[NetlinkError, ...] = ()
    answering: tuple[tuple[str, str], ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.made or self.removed or self.requests or self.failures)


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that is not as it should be."""

    expected: str
    found: str


def deviations(layout: Layout, seen: Observed) -> list[Deviation]:
    """What of the layout is otherwise, each thing by its name."""
    wanted = {item.name: item for item in layout.interfaces}
    found = [Deviation(f"interface {name}", "missing") for name in wanted if name not in seen.links]
    unknown = [name for name in seen.links if name != "lo" and name not in wanted]
    found += [Deviation("no such interface", f"interface {name}") for name in unknown]
    for name, item in wanted.items():
        link = seen.links.get(name)
        if link is not None:
            is_, has = f"{item.mac} mtu {item.mtu} up", f"{link.mac} mtu {link.mtu} {'up' if link.up else 'down'}"
            found += [Deviation(f"{name}: {is_}", has)] if is_ != has else []
            found += [Deviation(f"{name}: the other end up", "down")] if link.up and not link.carrier else []
    found += [Deviation(f"address {each} on {name}", "missing") for name, each in surplus(layout, seen, new=True)]
    found += [Deviation("no such address", f"{each} on {name}") for name, each in surplus(layout, seen, new=False)]
    answers, has_them = proxies(layout, seen), seen.proxied
    found += [Deviation(f"neighbour proxy {each} on {name}", "missing") for name, each in sorted(answers - has_them)]
    found += [Deviation("no such proxy", f"{each} on {name}") for name, each in sorted(has_them - answers)]
    found += [Deviation(f"route {_told(each)}", "missing") for each in sorted(layout.routes - seen.routes)]
    found += [Deviation("no such route", _told(each)) for each in _stray(layout, seen)]
    heard = sorted(hearing(layout, seen).items())
    found += [Deviation(f"{name}: router advertisements {_taken(on)}", _taken(not on)) for name, on in heard]
    off = sorted(forwarding(layout) - seen.forwards.items())
    return found + [Deviation(f"forwarding of IPv{version} {_switch(on)}", _switch(not on)) for version, on in off]


def _told(route: Route) -> str:
    gateway = f" via {route.gateway}" if route.gateway else ""
    return f"{route.destination}{gateway}{f' dev {route.device}' if route.device else ''}"


def _switch(on: bool) -> str:
    return "on" if on else "off"


def _taken(on: bool) -> str:
    return "taken" if on else "not taken"


def hearing(layout: Layout, seen: Observed) -> dict[str, bool]:
    """The interfaces that are to take router advertisements, or not to, and do otherwise."""
    wanted = {item.name: _WHILE_FORWARDING if item.listens else 0 for item in layout.interfaces}
    return {
        name: value > 0 for name, value in wanted.items() if name in seen.links and seen.links[name].accept_ra != value
    }


def dark(layout: Layout, seen: Observed) -> list[str]:
    """The outer ends of interfaces that are up and hear nobody: somebody took the other end down."""
    links = [(item.outer or item.name, seen.links.get(item.name)) for item in layout.interfaces]
    return [name for name, link in links if link and link.up and not link.carrier]


def interface_requests(wanted: Interface, seen: Observed) -> list[Request]:
    link = seen.links.get(wanted.name)
    if link is None:
        return []
    requests: list[Request] = []
    if link.mac != wanted.mac and link.up:  # its link-local address follows from the MAC address when it comes up
        requests.append(rt.set_link(wanted.name, up=False))
    if link.mac != wanted.mac or link.mtu != wanted.mtu or not link.up:
        requests.append(rt.set_link(wanted.name, mac=wanted.mac, mtu=wanted.mtu, up=True))
    has = seen.addresses[wanted.name]
    requests += [rt.delete_address(link, address) for address in sorted(has - wanted.addresses)]
    requests += [rt.add_address(link, address) for address in sorted(wanted.addresses - has)]
    answers = {address for name, address in seen.proxied if name == wanted.name}
    requests += [rt.delete_proxy(link, address) for address in sorted(answers - wanted.proxied)]
    requests += [rt.add_proxy(link, address) for address in sorted(wanted.proxied - answers)]
    return requests


def proxies(layout: Layout, seen: Observed) -> set[tuple[str, str]]:
    """For what the interfaces that are there are to answer, as (interface, address)."""
    return {(item.name, each) for item in layout.interfaces if item.name in seen.links for each in item.proxied}


def forwarding(layout: Layout) -> set[tuple[int, bool]]:
    """What the settings say of forwarding: the one of them that is looked at again and again."""
    names = {4: "ipv4/ip_forward", 6: "ipv6/conf/all/forwarding"}
    return {(version, layout.settings[name] == "1") for version, name in names.items() if name in layout.settings}


def surplus(layout: Layout, seen: Observed, new: bool) -> list[tuple[str, str]]:
    """The addresses, by interface, that are wanted and not there (`new`), or there and not wanted."""
    found: list[tuple[str, str]] = []
    for item in layout.interfaces:
        if item.name in seen.links:
            has = seen.addresses[item.name]
            found += [(item.name, each) for each in sorted(item.addresses - has if new else has - item.addresses)]
    return found


def _stray(layout: Layout, seen: Observed) -> list[Route]:
    """Routes that nobody wants, and those heard on an interface that is not to listen."""
    listening = {item.name for item in layout.interfaces if item.listens}
    return sorted({*(seen.routes - layout.routes), *(each for each in seen.heard if each.device not in listening)})


def route_requests(layout: Layout, seen: Observed) -> list[Request]:
    index = {name: link.index for name, link in seen.links.items()}
    gone = [rt.delete_route(route, index.get(route.device, 0)) for route in _stray(layout, seen)]
    new = [
        rt.add_route(route, index[route.device]) if route.device in index else rt.add_route(route, 0)
        for route in sorted(layout.routes - seen.routes)
    ]
    return gone + new
