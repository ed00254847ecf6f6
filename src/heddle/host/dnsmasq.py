"""dnsmasq: one process per network, in the network's namespace, which outlives the agent and is adopted by it.

Another configuration means another process; other hosts, options or names mean a signal.  Leases are kept in the host
folder, over restarts of everything.

A lease whose holder is not in the hosts any more is released as its client would have done it, or dnsmasq would refuse
the address to the next one.
"""

from __future__ import annotations

import ipaddress
import random
import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from heddle.host import netns
from heddle.host.daemon import Daemon, make_folder
from heddle.host.layout import Deviation
from heddle.host.netlink import within
from heddle.host.run import run

USER = "dnsmasq"


@dataclass(frozen=True, slots=True)
class Files:
    """The lines of the files, without those that name paths."""

    conf: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    opts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """One of IPv6 names no hardware address, but the client's DUID (as `client_id`) and the association's number."""

    mac: str
    address: str
    client_id: str
    association: int = 0


class Dnsmasq(Daemon):
    """The server of one network.  `namespace` is the name of its network namespace."""

    program, argument = "dnsmasq", "--conf-file={conf}"

    def __init__(self, network_id: str, namespace: str, run_folder: Path, state_folder: Path) -> None:
        super().__init__(namespace, run_folder / "dhcp" / network_id)
        self.leases_file = state_folder / "dhcp" / f"{network_id}.leases"

    def ensure(self, files: Files) -> str:
        """Make it run with these files.

        Returns "same", "reloaded", "started" (it was not there) or "restarted" (another configuration, or the wrong
        namespace).  Raises `CommandError` when dnsmasq refuses to start, `OSError` when a file cannot be written.
        """
        make_folder(self.folder.parent, 0o755)
        make_folder(self.folder, 0o755)
        make_folder(self.leases_file.parent, 0o700)
        reload = [
            self.write(name, lines)
            for name, lines in (("hosts", files.hosts), ("opts", files.opts), ("names", files.names))
        ]
        new_conf = self.write("conf", self.configuration(files))
        pid = self.pid()
        if pid and not new_conf and self.is_in_place(pid):
            if any(reload):
                self.reload(pid)
                return "reloaded"
            return "same"
        self.stop()
        within(netns.path_of(self.namespace), lambda: run(["dnsmasq", f"--conf-file={self.folder}/conf"]))
        return "restarted" if pid else "started"

    def deviations(self, files: Files) -> list[Deviation]:
        """What `ensure` would mend."""
        wanted = {"conf": self.configuration(files), "hosts": files.hosts, "opts": files.opts, "names": files.names}
        return [each for name, lines in wanted.items() for each in self.unlike(name, lines)] + self.where()

    def configuration(self, files: Files) -> tuple[str, ...]:
        """The lines of the configuration file."""
        paths = (
            f"pid-file={self.folder}/pid",
            f"dhcp-leasefile={self.leases_file}",
            f"dhcp-hostsfile={self.folder}/hosts",
            f"dhcp-optsfile={self.folder}/opts",
            f"addn-hosts={self.folder}/names",
            f"user={self.user(USER)}",
            "group=nogroup",
        )
        return (*files.conf, *paths)

    def remove(self) -> None:
        """End it, and forget its files and leases."""
        self.stop()
        self.forget("conf", "hosts", "opts", "names")
        self.leases_file.unlink(missing_ok=True)

    def leases(self) -> list[Lease]:
        """The leases that are held: those of IPv4, and those of IPv6 that are not temporary."""
        fields = [line.split() for line in self._lease_lines()]
        found = []
        for each in fields:
            if len(each) == 5 and ":" not in each[2]:
                found.append(Lease(each[1], each[2], each[4]))
            elif len(each) == 5 and each[1].isdecimal():
                found.append(Lease("", each[2], each[4], int(each[1])))
        return found

    def release(self, leases: Collection[Lease], server: str, interface: str) -> None:
        """Give leases back, in the name of their holders: to the server's IPv4 address, or on its interface."""
        old = [lease for lease in leases if ":" not in lease.address and server]
        duid = next((line.split()[1] for line in self._lease_lines() if line.startswith("duid ")), "")
        new = [release6_packet(lease, duid) for lease in leases if ":" in lease.address and duid]
        if old:
            within(netns.path_of(self.namespace), lambda: _send_releases(old, server))
        if new:
            within(netns.path_of(self.namespace), lambda: _send_releases6(new, interface))

    def _lease_lines(self) -> list[str]:
        try:
            return self.leases_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []


def release_packet(lease: Lease, server: str) -> bytes:
    """A DHCPRELEASE from the holder of the lease."""
    mac = bytes.fromhex(lease.mac.replace(":", ""))
    address = ipaddress.IPv4Address(lease.address).packed
    head = struct.pack("!BBBBIHH", 1, 1, len(mac), 0, random.getrandbits(32), 0, 0)
    options = b"\x63\x82\x53\x63\x35\x01\x07\x36\x04" + ipaddress.IPv4Address(server).packed
    if lease.client_id != "*":
        client = bytes.fromhex(lease.client_id.replace(":", ""))
        options += bytes([61, len(client)]) + client
    return head + address + bytes(12) + mac.ljust(16, b"\0") + bytes(192) + options + b"\xff"


def release6_packet(lease: Lease, server_duid: str) -> bytes:
    """A RELEASE from the holder of the lease to the server of that DUID (RFC 8415, 16.9)."""
    client, server = (bytes.fromhex(duid.replace(":", "")) for duid in (lease.client_id, server_duid))
    address = _option6(5, ipaddress.IPv6Address(lease.address).packed + bytes(8))
    association = _option6(3, struct.pack("!III", lease.association, 0, 0) + address)
    return b"\x08" + random.randbytes(3) + _option6(1, client) + _option6(2, server) + association


def _option6(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


def _send_releases6(packets: Collection[bytes], interface: str) -> None:
    """To all servers on the link, for a server takes these from no other address: they come back to this host's."""
    index = socket.if_nametoindex(interface)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        for packet in packets:
            sender.sendto(packet, ("ff02::1:2", 547, 0, index))


def _send_releases(leases: Collection[Lease], server: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        for lease in leases:
            sender.sendto(release_packet(lease, server), (server, 67))
