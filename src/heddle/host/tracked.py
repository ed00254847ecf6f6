"""The connections that Open vSwitch tracks: listed, cut, forgotten, and how many a zone may have.

When a network leaves the host its zone is free for another one, and when a port is deleted its addresses
are: what was established before must not let frames in for whoever comes next.  vswitchd is asked over
its control socket (JSON-RPC), which costs no process.

vswitchd 3.1 aborts when it is to forget an ICMPv6 connection by its address.  So those of an IPv6 address are named by
protocol, and its ICMPv6 echoes stay until they time out, which is within a minute.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from heddle.errors import HeddleError
from heddle.host import associations, conntrack, vswitchd
from heddle.host.connection import CUT, ICMP, ICMPV6, Tracked, packet_out, parse_connections
from heddle.host.netlink import NETFILTER, Netlink
from heddle.host.openflow import OFCTL
from heddle.host.run import run

TIMEOUT = 5.0
WITH_PORTS = (6, 17, 132)
SEVERAL = "multiple datapaths"
USERSPACE = 3_000_000
KERNEL = Path("/proc/sys/net/netfilter/nf_conntrack_max")
_LIMIT = re.compile(r"zone=(\d+),limit=(\d+)")


class ControlError(HeddleError):
    """vswitchd cannot be asked, or refused."""


class Connections:
    """`folder` holds vswitchd's sockets and its pid file; `bridge` is one of the `datapath`, "system" or "netdev"."""

    def __init__(self, folder: Path, datapath: str, bridge: str) -> None:
        self._folder, self._bridge, self._datapath = folder, bridge, datapath
        self._name = f"{datapath}@ovs-{datapath}"

    def forget(self, zone: int, address: str = "") -> None:
        """Forget the connections of a zone, or those of one address in it.  Raises `HeddleError`."""
        if not address:
            self._flush(zone)
            return
        matches = [f"ct_nw_{end}={address}" for end in ("src", "dst")]
        if ":" in address:
            ends = [f"ct_ipv6_{end}={address}" for end in ("src", "dst")]
            matches = [f"{end},ct_nw_proto={protocol}" for end in ends for protocol in WITH_PORTS]
        for match in matches:
            self._flush(zone, match)

    def forget_associations(self, ended: Collection[tuple[int, str]]) -> None:
        """Forget what the switch learned of (zone, address) pairs, "" for all of a zone.  Raises `CommandError`."""
        if ended:
            learned = associations.among(self._associations(), ended)
            associations.change(self._bridge, [line for each in learned for line in associations.forgetting(each)])

    def _flush(self, zone: int, *match: str) -> None:
        """Where vswitchd has several datapaths it cannot be told which one, but OpenFlow can."""
        try:
            self._call("dpctl/flush-conntrack", [f"zone={zone}", *match])
        except ControlError as error:
            if SEVERAL not in str(error):
                raise
            run([*OFCTL, "ct-flush", self._bridge, f"zone={zone}", *match])

    def forget_one(self, each: Tracked) -> None:
        """Forget one connection, unless it is an ICMPv6 echo, whose entry times out.  Raises `HeddleError`."""
        if each.protocol == ICMPV6:
            return
        if each.number:
            associations.change(self._bridge, associations.forgetting(each))
            return
        version = "ipv6" if ":" in each.source else "nw"
        parts = [f"ct_{version}_src={each.source}", f"ct_{version}_dst={each.target}", f"ct_nw_proto={each.protocol}"]
        if each.protocol == ICMP:
            parts += [f"icmp_type={each.target_port}", f"icmp_code={each.code}", f"icmp_id={each.source_port}"]
        elif each.source_port or each.target_port:
            parts += [f"ct_tp_src={each.source_port}", f"ct_tp_dst={each.target_port}"]
        self._flush(each.zone, ",".join(parts))

    def cut(self, doomed: Iterable[Tracked]) -> None:
        """Cut connections, see `connection.py`.  Raises `HeddleError`: some may live on."""
        if self._datapath != "netdev":
            self._mark(doomed)
            return
        lines: list[str] = []
        for each in doomed:
            lines += associations.cutting(each) if each.number else [packet_out(each)]
        associations.change(self._bridge, lines)

    def _mark(self, doomed: Iterable[Tracked]) -> None:
        with contextlib.closing(Netlink(NETFILTER)) as netlink:
            failures = conntrack.mark(netlink, doomed, CUT)
        if failures:
            raise ControlError(f"{len(failures)} connections were not cut; the first: {failures[0].strerror}")

    def list(self, zones: Collection[int]) -> Iterator[Tracked]:
        """The connections of these zones.  Raises `HeddleError`."""
        for zone in zones:
            yield from parse_connections(self._call("dpctl/dump-conntrack", [self._name, f"zone={zone}"]))
        if zones:
            yield from (each for each in self._associations() if each.zone in zones)

    def _associations(self) -> Sequence[Tracked]:
        return associations.read_associations(self._bridge) if self._datapath == "netdev" else ()

    def capacity(self) -> int:
        """How many connections the host has room for, all zones together; 0 where that is not known."""
        if self._datapath == "netdev":
            return USERSPACE
        try:
            return int(KERNEL.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0

    def limits(self) -> dict[int, int]:
        """How many connections the zones may have that have a limit.  Raises `ControlError`."""
        found = _LIMIT.findall(self._call("dpctl/ct-get-limits", [self._name]))
        return {int(zone): int(limit) for zone, limit in found if int(limit)}

    def set_limits(self, limits: Mapping[int, int]) -> None:
        """Limit zones.  Raises `ControlError`."""
        if limits:
            wanted = [f"zone={zone},limit={limit}" for zone, limit in limits.items()]
            self._call("dpctl/ct-set-limits", [self._name, *wanted])

    def remove_limits(self, zones: Collection[int]) -> None:
        """Raises `ControlError`."""
        if zones:
            self._call("dpctl/ct-del-limits", [self._name, "zone=" + ",".join(str(zone) for zone in zones)])

    def _call(self, method: str, params: Sequence[str]) -> str:
        try:
            reply = vswitchd.call(self._folder, method, params, TIMEOUT)
        except OSError as error:
            raise ControlError(f"ovs-vswitchd cannot be asked to {method}: {error}") from error
        if not reply:
            raise ControlError("ovs-vswitchd closed its control connection without an answer")
        if reply.get("error"):
            raise ControlError(f"ovs-vswitchd: {method} {' '.join(params)}: {reply['error']}")
        return str(reply.get("result") or "")
