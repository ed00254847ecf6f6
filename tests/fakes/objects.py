"""View objects as tests need them, with ids that can be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from heddle.agent.permissions import Peers, Permissions
from heddle.view.types import (
    FixedIp,
    GroupView,
    NetworkView,
    PortView,
    QosLimit,
    QosPolicyView,
    RuleView,
    Segment,
)


def port_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def mac(number: int) -> str:
    return f"fa:16:3e:00:{number >> 8:02x}:{number & 255:02x}"


def network(name: str = "net-a", *segments: Segment, qos_policy: str = "") -> NetworkView:
    return NetworkView(id=name, mtu=1450, segments=list(segments) or [Segment("local")], qos_policy=qos_policy)


def group(name: str, *rules: RuleView, stateful: bool = True) -> GroupView:
    return GroupView(id=name, rules=list(rules), stateful=stateful)


def allow(
    direction: str = "ingress", ethertype: int = 4, protocol: int = -1, ports: tuple[int, int] = (-1, -1),
    cidr: str = "", remote: str = "",
) -> RuleView:
    """A rule; its id says what it does."""
    label = f"{direction}-{ethertype}-{protocol}-{ports[0]}-{ports[1]}-{cidr or remote or 'any'}"
    return RuleView(
        id=label, direction=direction, ethertype=ethertype, protocol=protocol, port_min=ports[0],
        port_max=ports[1], remote_cidr=cidr, remote_group=remote,
    )


OUT = (allow("egress", 4), allow("egress", 6))


def default_group(name: str = "default") -> GroupView:
    """What a tenant gets: all outward, inward from its own members."""
    return group(name, *OUT, allow("ingress", 4, remote=name), allow("ingress", 6, remote=name))


def port(number: int, groups: tuple[str, ...] = ("default",), net: str = "net-a", **more: object) -> PortView:
    """Port `number` with the address 10.0.<high byte>.<low byte> on `net`."""
    values = {
        "id": port_id(number), "network_id": net, "mac_address": mac(number), "security_groups": list(groups),
        "fixed_ips": [FixedIp(f"subnet-{net}", ip(number))], "device_owner": "compute:lab", **more,
    }
    return PortView(**values)  # type: ignore[arg-type]


def policy(name: str, *limits: tuple[str, str, int, int], dscp: int = -1, guaranteed: int = 0) -> QosPolicyView:
    """A QoS policy; a limit as (direction, unit, rate, burst)."""
    return QosPolicyView(id=name, limits=[QosLimit(*each) for each in limits], dscp=dscp, guaranteed=guaranteed)


def ip(number: int) -> str:
    return f"10.0.{number >> 8}.{number & 255}"


def permissions_of(rules: Sequence[RuleView], addresses: Mapping[str, Iterable[str]]) -> Permissions:
    """What rules permit; `addresses`: the members' addresses (as CIDRs) by group."""
    named = {rule.remote_group for rule in rules if rule.remote_group}
    return Permissions(frozenset(rules), {group: Peers(addresses.get(group, ())) for group in named})
