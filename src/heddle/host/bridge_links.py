"""Bridges, their ports and forwarding entries as netlink messages: pure builders, and readers of what the kernel tells.

Numbers are those of the kernel's `if_link.h`, `neighbour.h` and `if_bridge.h`.
"""

from __future__ import annotations

import errno
import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from heddle.host.netlink import ADD, CREATE, DUMP, REPLACE, Netlink, Request, attribute, attributes, nested, text, u32
from heddle.host.rtnetlink import Link

VXLAN_PORT = 4789
ZERO_MAC = "00:00:00:00:00:00"

_NEWLINK, _SETLINK = 16, 19
_NEWNEIGH, _DELNEIGH, _GETNEIGH = 28, 29, 30
_LINK = struct.Struct("=BxHiII")
_NEIGHBOUR = struct.Struct("=BxHiHBB")
_BRIDGE_FAMILY, _IPV4, _IPV6 = 7, 2, 10
_SELF, _MASTER = 2, 4
_APPEND = 0x800
_NOARP, _PERMANENT = 0x40, 0x80
_NO_ADDRESS = nested(26, nested(_IPV6, attribute(8, b"\1")))
_FORWARD_DELAY, _STP, _SNOOPING, _CALL_IPTABLES, _CALL_IP6TABLES, _CALL_ARPTABLES = 1, 5, 23, 36, 37, 38
_VXLAN_ID, _VXLAN_LOCAL, _VXLAN_LEARNING, _VXLAN_DPORT, _VXLAN_LOCAL6, _ZERO_CHECKSUM6_RX = 1, 4, 7, 15, 17, 20
_PORT_LEARNING, _PORT_SUPPRESS = 8, 32


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """A forwarding entry or a neighbour of a device.

    `kind` "tunnel" (frames to `mac`, all zero for frames to everybody, go to the host `address`), "port" (`mac` is
    behind this port of its bridge) or "neighbour" (`address` is at `mac`).
    """

    device: str
    kind: str
    mac: str
    address: str = ""


def add_bridge(name: str) -> Request:
    """A bridge that learns, forwards at once, and shows its frames to no filter of IP."""
    values = ((_STP, 4, 0), (_FORWARD_DELAY, 4, 0), (_SNOOPING, 1, 0))
    return _add(name, "bridge", *(_number(*each) for each in values), *_calls(False), what=f"bridge {name}")


def no_address(name: str) -> Request:
    """Give a device no link-local address when it comes up."""
    return Request(_NEWLINK, _LINK.pack(0, 0, 0, 0, 0) + text(3, name) + _NO_ADDRESS, 0, f"addresses of {name}")


def call_filters(name: str, on: bool = True) -> Request:
    """Have the frames of a bridge shown to the filters of IP, or to none."""
    body = _LINK.pack(0, 0, 0, 0, 0) + text(3, name) + nested(18, attribute(1, b"bridge"), nested(2, *_calls(on)))
    return Request(_NEWLINK, body, 0, f"filters of bridge {name}")


def calls_filters(link: Link) -> bool:
    found = attributes(link.settings)
    return found.get(_CALL_IPTABLES, b"\0")[0] == 1 and found.get(_CALL_IP6TABLES, b"\0")[0] == 1


def add_vxlan(name: str, number: int, local: str) -> Request:
    """A tunnel device that learns nothing from what arrives."""
    address = ipaddress.ip_address(local)
    source = attribute(_VXLAN_LOCAL if address.version == 4 else _VXLAN_LOCAL6, address.packed)
    port = attribute(_VXLAN_DPORT, struct.pack("!H", VXLAN_PORT))
    values = [u32(_VXLAN_ID, number), source, port, _number(_VXLAN_LEARNING, 1, 0), _number(_ZERO_CHECKSUM6_RX, 1, 1)]
    return _add(name, "vxlan", *values, what=f"tunnel device {name}")


def vxlan_of(link: Link) -> tuple[int, str, int]:
    """The number, the local address and the UDP port of a tunnel device."""
    found = attributes(link.settings)
    raw = found.get(_VXLAN_LOCAL) or found.get(_VXLAN_LOCAL6)
    number = struct.unpack("=I", found.get(_VXLAN_ID, bytes(4)))[0]
    port = struct.unpack("!H", found.get(_VXLAN_DPORT, bytes(2)))[0]
    return number, str(ipaddress.ip_address(raw)) if raw else "", port


def add_vlan(name: str, below: Link, vlan: int) -> Request:
    return _add(name, "vlan", attribute(1, struct.pack("=H", vlan)), what=f"VLAN {vlan} of {below.name}",
                more=u32(5, below.index))  # fmt: skip


def vlan_of(link: Link) -> int:
    return int(struct.unpack("=H", attributes(link.settings).get(1, bytes(2)))[0])


def set_master(name: str, index: int) -> Request:
    """Make a device a port of the bridge of that index; 0: of none."""
    body = _LINK.pack(0, 0, 0, 0, 0) + text(3, name) + u32(10, index)
    return Request(_NEWLINK, body, 0, f"bridge of {name}", (errno.ENODEV,))


def tunnel_port(link: Link) -> Request:
    """Have a bridge learn nothing behind a port, and answer for the neighbours behind it."""
    settings = nested(12, attribute(_PORT_LEARNING, b"\0"), attribute(_PORT_SUPPRESS, b"\1"))
    body = _LINK.pack(_BRIDGE_FAMILY, 0, link.index, 0, 0) + settings
    return Request(_SETLINK, body, 0, f"bridge port {link.name}")


def is_tunnel_port(link: Link) -> bool:
    found = attributes(link.port_settings)
    return found.get(_PORT_LEARNING) == b"\0" and found.get(_PORT_SUPPRESS) == b"\1"


def answered_port(link: Link, on: bool) -> Request:
    """Have a bridge answer, or not, for the neighbours behind a port."""
    body = _LINK.pack(_BRIDGE_FAMILY, 0, link.index, 0, 0) + nested(12, attribute(_PORT_SUPPRESS, bytes([on])))
    return Request(_SETLINK, body, 0, f"bridge port {link.name}")


def is_answered(link: Link) -> bool:
    return attributes(link.port_settings).get(_PORT_SUPPRESS) == b"\1"


def put_entry(entry: Entry, index: int) -> Request:
    flags = CREATE | (_APPEND if entry.mac == ZERO_MAC else REPLACE)
    return Request(_NEWNEIGH, _entry(entry, index), flags, f"{entry.kind} entry {entry.mac} of {entry.device}",
                   (errno.EEXIST,))  # fmt: skip


def drop_entry(entry: Entry, index: int) -> Request:
    what = f"deletion of {entry.kind} entry {entry.mac} of {entry.device}"
    return Request(_DELNEIGH, _entry(entry, index), 0, what, (errno.ENOENT, errno.ENODEV))


def entries(socket: Netlink, names: dict[int, str]) -> Iterator[Entry]:
    """The static entries of these devices (name by index) that can be of our making."""
    for family in (_BRIDGE_FAMILY, 0):
        body = _NEIGHBOUR.pack(family, 0, 0, 0, 0, 0)
        for kind, answer in socket.ask(Request(_GETNEIGH, body, DUMP, "list of neighbours")):
            if kind == _NEWNEIGH:
                entry = _read(answer, names)
                if entry is not None:
                    yield entry


def _read(body: bytes, names: dict[int, str]) -> Entry | None:
    family, _, index, state, flags, _ = _NEIGHBOUR.unpack_from(body)
    found = attributes(body, _NEIGHBOUR.size)
    if index not in names or 2 not in found:
        return None
    mac = found[2].hex(":")
    address = str(ipaddress.ip_address(found[1])) if 1 in found else ""
    if family != _BRIDGE_FAMILY:
        return Entry(names[index], "neighbour", mac, address) if state & _PERMANENT else None
    if flags & _SELF and address:
        return Entry(names[index], "tunnel", mac, address)
    if state & _NOARP and flags & _MASTER | (9 in found):
        return Entry(names[index], "port", mac)
    return None


def _entry(entry: Entry, index: int) -> bytes:
    address = ipaddress.ip_address(entry.address).packed if entry.address else b""
    lladdr = attribute(2, bytes.fromhex(entry.mac.replace(":", "")))
    if entry.kind == "neighbour":
        head = _NEIGHBOUR.pack(_IPV4 if len(address) == 4 else _IPV6, 0, index, _PERMANENT, 0, 0)
    elif entry.kind == "tunnel":
        head = _NEIGHBOUR.pack(_BRIDGE_FAMILY, 0, index, _PERMANENT, _SELF, 0)
    else:
        head = _NEIGHBOUR.pack(_BRIDGE_FAMILY, 0, index, _NOARP, _MASTER, 0)
    return head + (attribute(1, address) if address else b"") + lladdr


def _add(name: str, kind: str, *settings: bytes, what: str, more: bytes = b"") -> Request:
    info = nested(18, attribute(1, kind.encode()), nested(2, *settings))
    return Request(_NEWLINK, _LINK.pack(0, 0, 0, 0, 0) + text(3, name) + more + info, ADD, what)


def _calls(on: bool) -> list[bytes]:
    return [_number(_CALL_IPTABLES, 1, on), _number(_CALL_IP6TABLES, 1, on), _number(_CALL_ARPTABLES, 1, 0)]


def _number(kind: int, size: int, value: int) -> bytes:
    return attribute(kind, value.to_bytes(size, "little"))
