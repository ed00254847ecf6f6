"""Links, addresses and routes as netlink messages: pure builders of requests, and readers of what the kernel tells.

Only what a namespace of ours needs.  Numbers are those of the kernel's `rtnetlink.h`, `if_link.h` and `if_addr.h`.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from heddle.host.netlink import ADD, DUMP, Netlink, Request, attribute, attributes, nested, text, u32

_NEWLINK, _DELLINK, _GETLINK = 16, 17, 18
_NEWADDR, _DELADDR, _GETADDR = 20, 21, 22
_NEWROUTE, _DELROUTE, _GETROUTE = 24, 25, 26
_NEWNEIGH, _DELNEIGH, _GETNEIGH = 28, 29, 30
_NEWNETCONF, _GETNETCONF = 80, 82
_CONF_INDEX, _CONF_FORWARDING, _EVERY_INTERFACE = 1, 2, 0xFFFFFFFF
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_PROXY = 0x08
_UP, _LOWER_UP = 1, 0x10000
_NODAD = 0x02
_ONLINK = 4
_METRICS, _MTU_OF_ROUTE = 8, 2
_MAIN = 254
_UNICAST = 1
_STATIC, _KERNEL, _RA = 4, 2, 9
_LINK_SCOPE = 253
_ANY_PROTOCOL, _ANY_SCOPE = 0, 255
_ACCEPT_RA = 3
_LIFETIMES, _FOREVER = 6, 0xFFFFFFFF
METADATA_IPV6 = "fe80::a9fe:a9fe"
_METADATA = ipaddress.ip_address(METADATA_IPV6).packed

# The kernel's own devices, in every namespace as soon as the module of a kind of tunnel is loaded; none can be deleted.
FALLBACK = frozenset({
    "tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip_vti0", "ip6tnl0", "ip6gre0", "ip6_vti0",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """`master`: the index of the bridge that it is a port of, or 0; `settings` and `port_settings` are what its kind,
    and the bridge, keep of it, as the kernel encodes them; `accept_ra`: as the kernel setting of that name."""

    index: int
    name: str
    mac: str
    mtu: int
    up: bool
    carrier: bool = True
    alias: str = ""
    master: int = 0
    kind: str = ""
    settings: bytes = b""
    port_settings: bytes = b""
    accept_ra: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """A unicast route of the main table.  `destination` as a CIDR ("0.0.0.0/0"); `device` may be "" with a gateway.

    `onlink`: the gateway is reached on the device although no address of it covers it.  `mtu`: 0 for the device's.
    """

    destination: str
    gateway: str = ""
    device: str = ""
    onlink: bool = False
    mtu: int = 0


def links(socket: Netlink) -> Iterator[Link]:
    for kind, body in socket.ask(Request(_GETLINK, _LINK.pack(0, 0, 0, 0, 0), DUMP, "list of links")):
        if kind == _NEWLINK:
            yield _read_link(body)


def link(socket: Netlink, name: str) -> Link | None:
    """The link of that name, or None."""
    request = Request(_GETLINK, _LINK.pack(0, 0, 0, 0, 0) + text(3, name), 0, f"link {name}", (errno.ENODEV,))
    return next((_read_link(body) for kind, body in socket.ask(request) if kind == _NEWLINK), None)


def addresses(socket: Netlink) -> Iterator[tuple[int, str]]:
    """(link index, address with prefix length) of all addresses but link-local IPv6 ones.

    Of those only the metadata address is told: no kernel gives it to an interface by itself.
    """
    for kind, body in socket.ask(Request(_GETADDR, _ADDRESS.pack(0, 0, 0, 0, 0), DUMP, "list of addresses")):
        if kind != _NEWADDR:
            continue
        _, length, _, scope, index = _ADDRESS.unpack_from(body)
        found = attributes(body, _ADDRESS.size)
        raw = found.get(2) or found.get(1)
        if raw and not (len(raw) == 16 and scope == _LINK_SCOPE and raw != _METADATA):
            yield index, f"{ipaddress.ip_address(raw)}/{length}"


def proxied(socket: Netlink) -> Iterator[tuple[int, str]]:
    """(link index, address) of the IPv6 addresses for which neighbour solicitations are answered on a link."""
    body = _NEIGHBOUR.pack(socket_family(6), 0, 0, _PROXY, 0)
    for kind, answer in socket.ask(Request(_GETNEIGH, body, DUMP, "list of proxied neighbours")):
        if kind == _NEWNEIGH:
            _, index, _, flags, _ = _NEIGHBOUR.unpack_from(answer)
            raw = attributes(answer, _NEIGHBOUR.size).get(1)
            if flags & _PROXY and raw:
                yield index, str(ipaddress.ip_address(raw))


def routes(socket: Netlink, by_index: Mapping[int, str]) -> Iterator[tuple[Route, bool]]:
    """The unicast routes of the main table that the kernel has not made, and whether a router advertisement did."""
    for kind, body in socket.ask(Request(_GETROUTE, _ROUTE.pack(0, 0, 0, 0, 0, 0, 0, 0, 0), DUMP, "list of routes")):
        if kind != _NEWROUTE:
            continue
        family, length, _, _, table, protocol, _, variety, flags = _ROUTE.unpack_from(body)
        if table != _MAIN or protocol == _KERNEL or variety != _UNICAST or family not in (2, 10):
            continue
        found = attributes(body, _ROUTE.size)
        empty = bytes(4 if family == socket_family(4) else 16)
        destination = f"{ipaddress.ip_address(found.get(1, empty))}/{length}"
        gateway = str(ipaddress.ip_address(found[5])) if 5 in found else ""
        device = by_index.get(struct.unpack("=I", found[4])[0], "") if 4 in found else ""
        size = attributes(found.get(_METRICS, b"")).get(_MTU_OF_ROUTE)
        mtu = struct.unpack("=I", size)[0] if size else 0
        yield Route(destination, gateway, device, bool(flags & _ONLINK), mtu), protocol == _RA


def forwards(socket: Netlink) -> dict[int, bool]:
    """Whether the namespace forwards, by IP version."""
    found: dict[int, bool] = {}
    for version in (4, 6):
        body = struct.pack("=Bxxx", socket_family(version)) + u32(_CONF_INDEX, _EVERY_INTERFACE)
        for kind, answer in socket.ask(Request(_GETNETCONF, body, 0, f"IPv{version} settings")):
            if kind == _NEWNETCONF:
                value = attributes(answer, 4).get(_CONF_FORWARDING, bytes(4))
                found[version] = bool(struct.unpack("=i", value)[0])
    return found


def hardware_address(socket: Netlink, index: int, address: str) -> str:
    """The MAC address that the kernel has for a neighbour on a link, "" when it has none.  Needs no rights."""
    packed = ipaddress.ip_address(address).packed
    body = _NEIGHBOUR.pack(socket_family(4 if len(packed) == 4 else 6), index, 0, 0, 0) + attribute(1, packed)
    request = Request(_GETNEIGH, body, 0, f"neighbour {address}", (errno.ENOENT,))
    found = [attributes(answer, _NEIGHBOUR.size) for kind, answer in socket.ask(request) if kind == _NEWNEIGH]
    return found[0].get(2, b"").hex(":") if found else ""


def add_veth(outer: str, inner: str, mac: str, mtu: int, namespace: int) -> Request:
    """A veth with one end here and one, with the MAC, in the namespace of that descriptor."""
    peer = _LINK.pack(0, 0, 0, 0, 0) + text(3, inner) + attribute(1, _mac(mac)) + u32(4, mtu) + u32(28, namespace)
    info = nested(18, attribute(1, b"veth"), nested(2, attribute(1, peer)))
    body = _LINK.pack(0, 0, 0, 0, 0) + text(3, outer) + u32(4, mtu) + info
    return Request(_NEWLINK, body, ADD, f"veth {outer}")


def set_link(
    name: str, *, mac: str | None = None, mtu: int | None = None, up: bool | None = None, alias: str | None = None
) -> Request:
    body = _LINK.pack(0, 0, 0, _UP if up else 0, 0 if up is None else _UP) + text(3, name)
    if mac is not None:
        body += attribute(1, _mac(mac))
    if mtu is not None:
        body += u32(4, mtu)
    if alias is not None:
        body += attribute(20, alias.encode())
    return Request(_NEWLINK, body, 0, f"settings of link {name}")


def delete_link(name: str) -> Request:
    """Deletes a link, or nothing when there is none of that name."""
    return Request(_DELLINK, _LINK.pack(0, 0, 0, 0, 0) + text(3, name), 0, f"deletion of link {name}", (errno.ENODEV,))


def delete_index(index: int) -> Request:
    """Deletes the link of that number, or nothing when it has gone."""
    return Request(_DELLINK, _LINK.pack(0, 0, index, 0, 0), 0, f"deletion of link {index}", (errno.ENODEV,))


def add_address(link: Link, address: str) -> Request:
    """The metadata address is one that answers, and nothing is sent from by itself (deprecated, RFC 4862 5.5.4)."""
    where = f"address {address} of {link.name}"
    return Request(_NEWADDR, _address_body(link, address), ADD, where, (errno.EEXIST,))


def delete_address(link: Link, address: str) -> Request:
    where = f"deletion of address {address} of {link.name}"
    return Request(_DELADDR, _address_body(link, address), 0, where, (errno.EADDRNOTAVAIL,))


def add_proxy(link: Link, address: str) -> Request:
    what = f"neighbour proxy {address} on {link.name}"
    return Request(_NEWNEIGH, _proxy_body(link, address), ADD, what, (errno.EEXIST,))


def delete_proxy(link: Link, address: str) -> Request:
    what = f"deletion of neighbour proxy {address} on {link.name}"
    return Request(_DELNEIGH, _proxy_body(link, address), 0, what, (errno.ENOENT,))


def add_route(route: Route, index: int) -> Request:
    return Request(_NEWROUTE, _route_body(route, index), ADD, f"route {_describe(route)}", (errno.EEXIST,))


def delete_route(route: Route, index: int) -> Request:
    """Whoever made it: the kernel finds only a route of the protocol and scope that are named, if they are."""
    body = _route_body(route, index, _ANY_PROTOCOL, _ANY_SCOPE)
    return Request(_DELROUTE, body, 0, f"deletion of route {_describe(route)}", (errno.ESRCH,))


def socket_family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def _read_link(body: bytes) -> Link:
    _, _, index, flags, _ = _LINK.unpack_from(body)
    found = attributes(body, _LINK.size)
    mac = found.get(1, b"").hex(":")
    mtu = struct.unpack("=I", found[4])[0] if 4 in found else 0
    name, alias = _string(found.get(3)), _string(found.get(20))
    master = struct.unpack("=I", found[10])[0] if 10 in found else 0
    info = attributes(found.get(18, b""))
    return Link(
        index, name, mac, mtu, bool(flags & _UP), bool(flags & _LOWER_UP), alias, master, _string(info.get(1)),
        info.get(2, b""), info.get(5, b""), _accept_ra(found.get(26, b"")),
    )


def _accept_ra(families: bytes) -> int:
    """From what the address families keep of a link: of IPv6 the settings, as numbers in the order of `ipv6.h`."""
    settings = attributes(attributes(families).get(socket_family(6), b"")).get(2, b"")
    value: int = struct.unpack_from("=i", settings, 4 * _ACCEPT_RA)[0] if len(settings) > 4 * _ACCEPT_RA else 0
    return value


def _address_body(link: Link, address: str) -> bytes:
    interface = ipaddress.ip_interface(address)
    raw = interface.ip.packed
    flags = _NODAD if interface.version == 6 else 0
    head = _ADDRESS.pack(socket_family(interface.version), interface.network.prefixlen, flags, 0, link.index)
    body = head + attribute(2, raw) + attribute(1, raw)
    if interface.version == 4 and interface.network.prefixlen < 31:
        body += attribute(4, interface.network.broadcast_address.packed)
    if raw == _METADATA:
        body += attribute(_LIFETIMES, struct.pack("=IIII", 0, _FOREVER, 0, 0))
    return body


def _proxy_body(link: Link, address: str) -> bytes:
    head = _NEIGHBOUR.pack(socket_family(6), link.index, 0, _PROXY, 0)
    return head + attribute(1, ipaddress.IPv6Address(address).packed)


def _route_body(route: Route, index: int, protocol: int = _STATIC, scope: int | None = None) -> bytes:
    network = ipaddress.ip_network(route.destination)
    if scope is None:
        scope = 0 if route.gateway or network.version == 6 else _LINK_SCOPE
    flags = _ONLINK if route.onlink else 0
    head = _ROUTE.pack(
        socket_family(network.version), network.prefixlen, 0, 0, _MAIN, protocol, scope, _UNICAST, flags
    )
    body = head + (attribute(1, network.network_address.packed) if network.prefixlen else b"")
    if route.gateway:
        body += attribute(5, ipaddress.ip_address(route.gateway).packed)
    body += nested(_METRICS, u32(_MTU_OF_ROUTE, route.mtu)) if route.mtu else b""
    return body + (u32(4, index) if index else b"")


def _describe(route: Route) -> str:
    return f"{route.destination} via {route.gateway or 'link'} dev {route.device or '?'}"


def _mac(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _string(raw: bytes | None) -> str:
    return raw.rstrip(b"\0").decode() if raw else ""
