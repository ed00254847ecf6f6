"""The Linux bridges of this host: made, joined with their uplinks, and brought back to what they should be.

A bridge and a tunnel or VLAN device of ours bear an alias that begins with our mark.  One of the same name without it
is somebody else's and is left alone, unless it is as one is that was just made when the agent was killed: down, and in
nobody's use.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from heddle.errors import HeddleError
from heddle.host import bridge_links as bl
from heddle.host import rtnetlink as rt
from heddle.host.bridge_links import Entry
from heddle.host.netlink import Netlink, NetlinkError, Request
from heddle.host.netns import MARK
from heddle.host.rtnetlink import Link
from heddle.host.run import succeeds

SETTINGS = Path("/proc/sys/net")
OF_ALL_BRIDGES = ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables")


def _own_mac(bridge: str) -> str:
    """A MAC address for a bridge of this host, of those that are administered locally.

    A bridge that is given none takes that of a port, and when it changes with the ports the kernel forgets the
    bridge's neighbours, the permanent ones too.
    """
    digest = hashlib.blake2b(f"{os.uname().nodename}/{bridge}".encode(), digest_size=5).digest()
    return ":".join(f"{byte:02x}" for byte in b"\x0a" + digest)


@dataclass(frozen=True, slots=True)
class UplinkSpec:
    """The device by which a network leaves the host.

    `kind` "vxlan" (`number` in a tunnel from `local`), "vlan" (`number` on `card`) or "flat" (the card itself).
    """

    device: str
    kind: str
    number: int = 0
    card: str = ""
    local: str = ""


@dataclass(frozen=True, slots=True)
class BridgeSpec:
    """`label` is what the bridge bears after our mark, so that it is known again; `filtered`: the filters of IP see its
    frames, which costs each frame more than the bridge itself."""

    name: str
    label: str
    mtu: int
    uplink: UplinkSpec | None = None
    filtered: bool = True


class ForeignDevice(HeddleError):
    """A device of our name is there and is not ours, or a card is in use."""


class Bridges:
    """`look` first: what is changed follows from what was there then."""

    def __init__(self) -> None:
        self._netlink = Netlink()
        self.links: dict[str, Link] = {}

    def close(self) -> None:
        self._netlink.close()

    def check(self) -> None:
        """Raises `HeddleError` when the kernel cannot show the frames of bridges to the filters of IP."""
        if not (SETTINGS / "bridge").is_dir() and succeeds(["modprobe", "br_netfilter"]):
            self._spare_others()
        if not (SETTINGS / "bridge").is_dir():
            raise HeddleError(
                "this kernel has no br_netfilter, by which security groups see the frames of bridges: load the module "
                "(modprobe br_netfilter), or set agent.data_plane to 'openvswitch'"
            )

    def _spare_others(self) -> None:
        """The module comes with frames of all bridges shown to the filters of IP, which nobody has asked for; ours ask
        each for itself."""
        for name in OF_ALL_BRIDGES:
            with contextlib.suppress(OSError):
                (SETTINGS / "bridge" / name).write_text("0", encoding="ascii")

    def look(self) -> None:
        self.links = {link.name: link for link in rt.links(self._netlink)}

    def ours(self) -> dict[str, str]:
        """The labels of our bridges, by name."""
        found = {}
        for link in self.links.values():
            if link.kind == "bridge" and link.alias.startswith(f"{MARK} "):
                found[link.name] = link.alias.removeprefix(f"{MARK} ")
        return found

    def ports_of(self, bridge: str) -> list[Link]:
        link = self.links.get(bridge)
        return [each for each in self.links.values() if link is not None and each.master == link.index]

    def is_plugged(self, device: str, bridge: str) -> bool:
        link, master = self.links.get(device), self.links.get(bridge)
        return link is not None and master is not None and link.master == master.index and link.up

    # Making

    def make(self, spec: BridgeSpec) -> int:
        """Make a bridge be there; returns how much had to be done.

        Raises `ForeignDevice`, and `OSError` or `HeddleError` when the kernel refuses something.
        """
        done = self._make_device(spec.name, "bridge", bl.add_bridge(spec.name), f"{MARK} {spec.label}", spec.mtu)
        if done:
            self._allow_neighbours(spec.name)
        mac = _own_mac(spec.name)
        if self.links[spec.name].mac != mac:
            self._run([rt.set_link(spec.name, mac=mac)])
            self.look()
            done += 1
        if spec.filtered and not bl.calls_filters(self.links[spec.name]):
            self._run([bl.call_filters(spec.name)])
            done += 1
        return done

    def spare(self, spec: BridgeSpec) -> None:
        """Show the frames of a bridge that has no filtered port to no filter of IP any more."""
        if not spec.filtered and spec.name in self.links and bl.calls_filters(self.links[spec.name]):
            self._run([bl.call_filters(spec.name, False)])

    def calls_filters(self, bridge: str) -> bool:
        return bridge in self.links and bl.calls_filters(self.links[bridge])

    def _allow_neighbours(self, bridge: str) -> None:
        """Let a bridge have neighbours of IPv6 where the host itself has turned IPv6 off; it gets no address."""
        with contextlib.suppress(OSError):
            (SETTINGS / "ipv6/conf" / bridge / "disable_ipv6").write_text("0", encoding="ascii")

    def make_uplink(self, spec: BridgeSpec) -> int:
        """Make the device of a network's uplink be there; it is not joined yet.  Returns and raises as `make`."""
        uplink = spec.uplink
        if uplink is None:
            return 0
        if uplink.kind == "vxlan":
            return self._make_tunnel(uplink, spec.mtu)
        card = self.links.get(uplink.card)
        if card is None:
            raise HeddleError(f"this host has no network card {uplink.card}: mend agent.physical_interface_mappings")
        if uplink.kind == "flat":
            self._check_card(card, spec)
            return 0
        if not card.up:
            self._run([rt.set_link(card.name, up=True)])
        try:
            add = bl.add_vlan(uplink.device, card, uplink.number)
            return self._make_device(uplink.device, "vlan", add, f"{MARK} uplink", spec.mtu)
        except NetlinkError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.ENOTSUP):
                raise HeddleError(
                    "this kernel has no VLAN devices, which VLAN networks need: load the module (modprobe 8021q)"
                ) from error
            raise

    def too_small(self, spec: BridgeSpec) -> str:
        """Why a network's packets do not fit through its card, else ""."""
        card = self.links.get(spec.uplink.card) if spec.uplink else None
        if card is None or card.mtu >= spec.mtu:
            return ""
        return (
            f"the MTU of the network card {card.name} is {card.mtu}: too small for packets of {spec.mtu} bytes. Raise "
            f"it, or lower the MTU of the network to {card.mtu}"
        )

    def _check_card(self, card: Link, spec: BridgeSpec) -> None:
        bridge = self.links[spec.name]
        if card.master not in (0, bridge.index):
            raise ForeignDevice(f"the network card {card.name} is a port of another bridge: take it out of that")
        held = [address for index, address in rt.addresses(self._netlink) if index == card.index]
        if held:
            raise ForeignDevice(
                f"the network card {card.name} has the address {held[0]}: a flat network takes the whole card; move "
                "the address to another card, or name another in agent.physical_interface_mappings"
            )

    def _make_tunnel(self, uplink: UplinkSpec, mtu: int) -> int:
        there = self.links.get(uplink.device)
        wanted = (uplink.number, uplink.local, bl.VXLAN_PORT)
        if there is not None and there.alias.startswith(MARK) and bl.vxlan_of(there) != wanted:
            self._run([rt.delete_link(uplink.device)])
            self.look()
        add = bl.add_vxlan(uplink.device, uplink.number, uplink.local)
        return self._make_device(uplink.device, "vxlan", add, f"{MARK} uplink", mtu)

    def _make_device(self, name: str, kind: str, add: Request, alias: str, mtu: int) -> int:
        there = self.links.get(name)
        requests = [] if there is not None else [add]
        if there is not None and there.alias != alias:
            unused = not there.up and not there.master and not self.ports_of(name)
            if there.kind != kind or not (there.alias.startswith(MARK) or (unused and not there.alias)):
                raise ForeignDevice(f"the device {name} is not Heddle's; if nothing needs it: ip link del {name}")
        if there is None or (there.alias, there.mtu, there.up) != (alias, mtu, True):
            requests += [bl.no_address(name)] if there is None or not there.up else []
            requests.append(rt.set_link(name, mtu=mtu, up=True, alias=alias))
        if requests:
            self._run(requests)
            self.look()
        return len(requests)

    # Ports

    def plug(self, device: str, bridge: str, mtu: int, tunnel: bool = False) -> int:
        """Make a device a port of a bridge, up and without addresses of IPv6; returns how much had to be done.

        `mtu` 0: its own.  Raises `NetlinkError`.
        """
        link, master = self.links[device], self.links[bridge]
        requests = []
        if link.master != master.index:
            with contextlib.suppress(OSError):
                (SETTINGS / "ipv6/conf" / device / "disable_ipv6").write_text("1", encoding="ascii")
            requests.append(bl.set_master(device, master.index))
        if not link.up or (mtu and link.mtu != mtu):
            requests.append(rt.set_link(device, mtu=mtu or None, up=True))
        if tunnel and not bl.is_tunnel_port(link):
            requests.append(bl.tunnel_port(link))
        self._run(requests)
        return len(requests)

    def answer(self, devices: Collection[str]) -> list[str]:
        """Have bridges answer for their neighbours behind these ports, and behind no others but tunnels.

        Returns which ports had to be told.  Raises `NetlinkError`.
        """
        ports = [link for link in self.links.values() if link.master and link.port_settings and link.kind != "vxlan"]
        wrong = [link for link in ports if bl.is_answered(link) is not (link.name in devices)]
        ours = {self.links[name].index for name in self.ours()}
        told = [link for link in wrong if link.master in ours]
        self._run([bl.answered_port(link, link.name in devices) for link in told])
        return [link.name for link in told]

    def unplug(self, device: str) -> None:
        """Take a device out of its bridge; it stays as it is otherwise."""
        self._netlink.run([bl.set_master(device, 0)])

    def remove(self, names: Iterable[str]) -> None:
        """Remove bridges and tunnel or VLAN devices of ours."""
        self._netlink.run([rt.delete_link(name) for name in names])

    # Forwarding entries

    def entries(self, devices: Collection[str]) -> set[Entry]:
        """The entries of these devices that can be ours."""
        names = {self.links[name].index: name for name in devices if name in self.links}
        return set(bl.entries(self._netlink, names)) if names else set()

    def change_entries(self, gone: Iterable[Entry], new: Iterable[Entry]) -> dict[Entry, str]:
        """Drop and put entries; those of devices that are gone are skipped.  Returns which are refused, and why."""
        index: Mapping[str, int] = {name: link.index for name, link in self.links.items()}
        requests = [bl.drop_entry(each, index[each.device]) for each in gone if each.device in index]
        wanted = [each for each in new if each.device in index]
        if not self._netlink.run([*requests, *(bl.put_entry(each, index[each.device]) for each in wanted)]):
            return {}
        tried = {each: self._netlink.run([bl.put_entry(each, index[each.device])]) for each in wanted}
        return {each: str(failures[0]) for each, failures in tried.items() if failures}

    def _run(self, requests: list[Request]) -> None:
        failures = self._netlink.run(requests) if requests else []
        if failures:
            raise failures[0]
