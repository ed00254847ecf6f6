"""Which logs concern which ports of this host, and what is written of a packet: a line for all of its logs.  Pure.

The rules that let a packet through are asked for again when it has been told of: so the way of a packet costs the same
however many rules there are.  When a rule went in the moment between, the line names none.

`PacketLogs.follow` is called by the role, `line` from the thread that hears of packets.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

from heddle.agent.bridge.ports import is_filtered
from heddle.agent.mirror import Mirror
from heddle.agent.permissions import Peers, Permissions
from heddle.agent.pipeline import WiredPort
from heddle.host.packets import ICMP_TYPES, Packet, protocol_name
from heddle.view.types import LogView, PortView, Ref, RuleView

EVENTS = frozenset({"ACCEPT", "DROP"})
NOTHING: frozenset[str] = frozenset()


def logs_of(mirror: Mirror, port: PortView) -> list[LogView]:
    """The logs that concern a port which is filtered."""
    if not mirror.logs:
        return []
    neighbour = mirror.neighbours.get(port.id)
    project = neighbour.project_id if neighbour else ""
    return [log for _, log in sorted(mirror.logs.items()) if _concerns(log, port, project)]


def _concerns(log: LogView, port: PortView, project: str) -> bool:
    if log.port_id and log.port_id != port.id:
        return False
    if log.group_id:
        return log.group_id in port.security_groups
    return bool(log.port_id) or log.project_id == project


def events_of(mirror: Mirror, port: PortView) -> frozenset[str]:
    """What is to be told of a port's packets: "ACCEPT", "DROP", both or nothing."""
    asked = {log.event for log in logs_of(mirror, port)} if mirror.logs and is_filtered(port) else NOTHING
    return EVENTS if "ALL" in asked else frozenset(asked)


def told_otherwise(mirror: Mirror, ports: Iterable[WiredPort]) -> set[str]:
    """The ports of which something else is to be told than their flows do."""
    here = ((port, mirror.ports.get(port.id)) for port in ports)
    return {port.id for port, view in here if view is not None and port.logged != events_of(mirror, view)}


@dataclass(frozen=True)
class LoggedPort:
    """A port and its logs; `rules`: those of its groups, each with its group."""

    view: PortView
    project: str
    logs: tuple[LogView, ...]
    rules: tuple[tuple[str, RuleView], ...]


class PacketLogs:
    """The ports of this host that logs concern, by the number under which their packets are told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ports: dict[int, LoggedPort] = {}
        self._members: dict[str, dict[str, list[str]]] = {}
        self._peers: dict[str, Peers] = {}

    def follow(self, mirror: Mirror, changed: Iterable[Ref] | None, numbers: Mapping[int, str]) -> None:
        """The logged ports are these now, by number; `changed` None: anything may have."""
        found = {}
        for number, port_id in numbers.items():
            view = mirror.ports.get(port_id)
            if view is not None:
                found[number] = _logged(mirror, view)
        named = {rule.remote_group for port in found.values() for _, rule in port.rules} - {""}
        with self._lock:
            self._ports = found
            self._forget(named if changed is not None else set())
            for group in named - self._members.keys():
                self._members[group], self._peers[group] = {}, Peers()
                for member in mirror.members_by_group.of(group):
                    self._set_member(group, member.id, member.addresses)
            for ref in changed or ():
                group = ref.id.partition("/")[0]
                if ref.kind == "member" and group in self._members:
                    there = mirror.members.get(ref.id)
                    self._set_member(group, ref.id, there.addresses if there else [])

    def _forget(self, named: set[str]) -> None:
        for group in self._members.keys() - named:
            del self._members[group], self._peers[group]

    def _set_member(self, group: str, id: str, addresses: list[str]) -> None:
        peers, held = self._peers[group], self._members[group]
        for cidr in held.pop(id, ()):
            peers.remove(cidr)
        if addresses:
            held[id] = list(addresses)
        for cidr in addresses:
            peers.add(cidr)

    def line(self, number: int, direction: str, event: str, packet: Packet, when: float) -> str:
        """What is to be written of a packet, "" for nothing."""
        with self._lock:
            port = self._ports.get(number)
            if port is None:
                return ""
            rules = self._rules(port, direction, packet) if event == "ACCEPT" else []
        groups = sorted({group for group, _ in rules}) if event == "ACCEPT" else sorted(port.view.security_groups)
        asked = [log for log in port.logs if log.event in (event, "ALL")]
        logs = [log.id for log in asked if not log.group_id or log.group_id in groups]
        if not logs:
            return ""
        return " ".join((
            stamp(when), f"event={event}", f"direction={direction}", f"log={','.join(logs)}", f"port={port.view.id}",
            f"project={port.project or '-'}", f"security_group={','.join(groups) or '-'}",
            f"rule={','.join(sorted(rule for _, rule in rules)) or '-'}", *_about(packet),
        ))  # fmt: skip

    def _rules(self, port: LoggedPort, direction: str, packet: Packet) -> list[tuple[str, str]]:
        """The (group, rule) pairs that permit a packet."""
        peer = ip_address(packet.source if direction == "ingress" else packet.target)
        ports = (packet.kind, packet.code) if packet.protocol in ICMP_TYPES else (packet.target_port, 0)
        return [
            (group, rule.id) for group, rule in port.rules
            if Permissions((rule,), self._peers).allow(direction, packet.protocol, peer, *ports)
        ]  # fmt: skip


def _logged(mirror: Mirror, view: PortView) -> LoggedPort:
    neighbour = mirror.neighbours.get(view.id)
    groups = [mirror.groups[group] for group in sorted(view.security_groups) if group in mirror.groups]
    rules = tuple((group.id, rule) for group in groups for rule in group.rules)
    return LoggedPort(view, neighbour.project_id if neighbour else "", tuple(logs_of(mirror, view)), rules)


def stamp(when: float) -> str:
    """A moment, in UTC."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _about(packet: Packet) -> list[str]:
    found = [f"protocol={protocol_name(packet.protocol)}", f"source={packet.source}", f"destination={packet.target}"]
    if packet.protocol in ICMP_TYPES:
        return [*found, f"type={packet.kind}", f"code={packet.code}"]
    if packet.has_ports:
        return [*found, f"source_port={packet.source_port}", f"destination_port={packet.target_port}"]
    return found
