"""Lab guests: network namespaces in the place of virtual machines.

A lab guest is plugged as a VM's tap would be (`guest_switch.py`), and whatever the switch does to a VM it does to this.
Inside is `eth0` with the port's MAC, and a real DHCP client
gets the address.  All that a guest is on the host bears its name: the namespace heddle-guest-<name>, the folder
/etc/netns/heddle-guest-<name> with the resolv.conf that `ip netns exec` shows to its commands, and the tap.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from heddle.host import netns, rtnetlink
from heddle.host.guest_dhcp import lease
from heddle.host.guest_switch import GuestError, GuestSwitch, wait_until_wired
from heddle.host.layout import Interface
from heddle.host.netlink import Netlink
from heddle.host.netns import Namespace
from heddle.host.rtnetlink import Route
from heddle.host.spaces import Spaces

PREFIX = "heddle-guest-"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_CONFIG = Path("/etc/netns")


@dataclass(frozen=True, slots=True)
class GuestPort:
    """The port of a guest, with what its network says of it.  `addresses` as "fd00::5/64", for those set by hand."""

    id: str
    mac_address: str
    mtu: int
    dhcp: bool = True
    addresses: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest as it is found on the host."""

    name: str
    port_id: str
    mac_address: str
    addresses: tuple[str, ...]


def check_name(name: str) -> None:
    """Raises `GuestError` for a name that cannot be a namespace's."""
    if not _NAME.fullmatch(name):
        raise GuestError(f"guest name {name!r}: use at most 40 lower-case letters, digits, '.', '_' and '-'")


def add(name: str, port: GuestPort, switch: GuestSwitch) -> Guest:
    """Make the guest, or make it what it should be, and give it its addresses.

    Raises `GuestError`, when DHCP gives no lease too, and `OvsConflict`.
    """
    check_name(name)
    userspace = switch.userspace()
    other = switch.holder(port.id)
    tap = f"tap{port.id[:11]}"
    if other not in ("", tap):
        raise GuestError(f"port {port.id} is plugged already, as {other}; delete that, or take another port")
    spaces = Spaces(PREFIX, userspace)
    try:
        namespace = spaces.ensure(PREFIX + name, {"ipv6/conf/default/accept_dad": "0"}).namespace
        made = _interface(namespace, port, tap)
        switch.plug(tap, port.id, port.mac_address, name, made)
        wait_until_wired(switch, tap)
        _address(namespace, name, port)
    finally:
        spaces.close()
    return next(guest for guest in every(switch) if guest.name == name)


def delete(name: str, switch: GuestSwitch) -> Guest:
    """Take the guest away with all that it had; returns what it was.  Raises `GuestError` when there is none."""
    found = find(name, switch)
    identity = netns.identity(PREFIX + name)
    for pid in [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]:
        with contextlib.suppress(OSError):
            if identity and os.stat(f"/proc/{pid}/ns/net").st_ino == identity:
                os.kill(pid, signal.SIGKILL)
    if found.port_id:
        switch.unplug(f"tap{found.port_id[:11]}")
    spaces = Spaces(PREFIX)
    try:
        spaces.remove(PREFIX + name)
    finally:
        spaces.close()
    shutil.rmtree(_CONFIG / (PREFIX + name), ignore_errors=True)
    return found


def find(name: str, switch: GuestSwitch) -> Guest:
    """Raises `GuestError` when there is none of that name."""
    check_name(name)
    for guest in every(switch):
        if guest.name == name:
            return guest
    there = ", ".join(guest.name for guest in every(switch)) or "none"
    raise GuestError(f"there is no guest {name!r} on this host; there are: {there}")


def every(switch: GuestSwitch) -> list[Guest]:
    """The guests of this host."""
    spaces = Spaces(PREFIX)
    try:
        return [_look(full, switch) for full in spaces.ours()]
    finally:
        spaces.close()


def execute(name: str, command: Sequence[str]) -> NoReturn:
    """Become the command, inside the guest.  Raises `GuestError` when there is no such guest or command."""
    if not netns.identity(PREFIX + name):
        raise GuestError(f"there is no guest {name!r} on this host; `heddle guest list` names them")
    try:
        os.execvp("ip", ["ip", "netns", "exec", PREFIX + name, *command])
    except OSError as error:
        raise GuestError(f"cannot run `ip netns exec`: {error.strerror}; install the package iproute2") from error


def _interface(namespace: Namespace, port: GuestPort, tap: str) -> bool:
    """Make eth0 with the port's MAC; returns whether it was made now."""
    there = rtnetlink.link(namespace.routing, "eth0")
    made = there is None or rtnetlink.link(namespace.root, tap) is None
    if made:
        failures = namespace.routing.run([rtnetlink.delete_link("eth0")])
        failures += namespace.make([Interface("eth0", port.mac_address, port.mtu, outer=tap)])
        if failures:
            raise GuestError(f"cannot make the interface {tap}: {failures[0]}")
    failures = namespace.routing.run([rtnetlink.set_link("eth0", mac=port.mac_address, mtu=port.mtu, up=True)])
    if failures:
        raise GuestError(f"cannot set up eth0 of {namespace.name}: {failures[0]}")
    return made


def _address(namespace: Namespace, name: str, port: GuestPort) -> None:
    link = rtnetlink.link(namespace.routing, "eth0")
    if link is None:
        raise GuestError(f"eth0 of guest {name!r} has gone; add the guest again")
    requests = [rtnetlink.add_address(link, address) for address in port.addresses]
    for gateway in port.gateways:
        destination = "0.0.0.0/0" if ipaddress.ip_address(gateway).version == 4 else "::/0"
        requests.append(rtnetlink.add_route(Route(destination, gateway, "eth0", True), link.index))
    failures = namespace.routing.run(requests)
    if failures:
        raise GuestError(f"cannot give guest {name!r} its address: {failures[0]}")
    if port.dhcp and not lease(namespace.name, _CONFIG / namespace.name):
        raise GuestError(
            f"guest {name!r} got no address by DHCP; look whether port {port.id} is ACTIVE and has an address in a "
            "subnet with enable_dhcp, and whether `openstack network agent list` shows the DHCP agent alive"
        )


def _look(full: str, switch: GuestSwitch) -> Guest:
    routing = Netlink(netns=netns.path_of(full))
    try:
        link = rtnetlink.link(routing, "eth0")
        addresses = [text for index, text in rtnetlink.addresses(routing) if link and index == link.index]
    finally:
        routing.close()
    name = full.removeprefix(PREFIX)
    return Guest(name, switch.port_of(name), link.mac if link else "", tuple(addresses))

