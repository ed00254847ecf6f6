"""What QoS policies make of the traffic of ports: how much of it passes, and how it is marked.  Pure.

**Which policy.**  A port follows its own, else that of its network; the cloud's own ports (DHCP, interfaces of routers)
take none from their network, but gateways of routers do.  That is the reference's order (OpenStack Neutron,
`should_apply_to_port`).

**What passes.**  What is beyond a rate and its burst is dropped, in both directions.  A limit in kilobits counts whole
Ethernet frames, without the checksum that a card adds.  Where a policy names no burst it is four fifths of what passes
in a second, which lets TCP reach the rate; and it is at least the largest segment that a host hands over whole, or
such a segment would never pass.  A rate of 0 is no limit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from heddle.agent.mirror import Mirror
from heddle.host.flow_meters import KBPS, MOST, PACKETS, Meter
from heddle.host.guard import chain_of
from heddle.host.nft import Chain, Table
from heddle.view.types import PortView, QosLimit, QosPolicyView

OWN, GATEWAY = "network:", "network:router_gateway"
SEGMENT_KBITS = 525  # 64 KiB
MOST_COUNTED = {KBPS: 70_000_000, PACKETS: 100_000_000}
MOST_BURST = 1_000_000_000
FAMILY, TABLE = "netdev", "heddle_limits"


@dataclass(frozen=True, slots=True)
class Policing:
    """`sent` and `received` by the guest: limits by kilobits first; `dscp` -1: what it sends is not marked."""

    sent: tuple[Meter, ...] = ()
    received: tuple[Meter, ...] = ()
    dscp: int = -1


NONE = Policing()


def policy_of(mirror: Mirror, port: PortView) -> str:
    """The id of the policy that a port follows, "" for none."""
    own = port.device_owner.startswith(OWN) and not port.device_owner.startswith(GATEWAY)
    network = mirror.networks.get(port.network_id)
    return port.qos_policy or ("" if own or network is None else network.qos_policy)


def ports_with(mirror: Mirror, policy_id: str) -> set[str]:
    """The ports of this host that follow a policy."""
    return {port.id for port in mirror.ports.values() if policy_of(mirror, port) == policy_id}


def policing(policy: QosPolicyView | None) -> Policing:
    if policy is None:
        return NONE
    return Policing(limits_of(policy, "egress"), limits_of(policy, "ingress"), policy.dscp)


def limits_of(policy: QosPolicyView, direction: str) -> tuple[Meter, ...]:
    """The limits of a direction, as the guest sees it."""
    limits = sorted((each for each in policy.limits if each.direction == direction), key=lambda each: each.unit)
    return tuple(_meter(each) for each in limits if each.rate)


def _meter(limit: QosLimit) -> Meter:
    """Raises `ValueError` for a unit that is not known here."""
    if limit.unit == "kbps":
        least, factor, unit = SEGMENT_KBITS, 1, KBPS
    elif limit.unit == "kpps":
        least, factor, unit = 1, 1000, PACKETS
    else:
        raise ValueError(f"a limit in {limit.unit!r} is not known on this host: upgrade its agent")
    rate, burst = limit.rate * factor, limit.burst * factor
    return Meter(unit, min(rate, MOST), min(max(burst or rate * 4 // 5, least), MOST))


# Limits at devices


@dataclass(frozen=True, slots=True)
class AtDevice:
    """The traffic of a port at its device; of a subport, what bears the ID `vlan` on the card of its trunk."""

    device: str
    policing: Policing
    vlan: int = 0


def limits_table(sent: Iterable[AtDevice], received: Iterable[AtDevice], trunks: Collection[str] = ()) -> Table:
    """What passes devices: a chain for each at which something `sent`, or `received`, is limited or marked.

    On a device of `trunks` a port's own traffic is what bears no VLAN ID.
    """
    rules: dict[tuple[str, str], list[str]] = {}
    for each in sent:
        rules.setdefault((each.device, "ingress"), []).extend(
            [*_at_device(each, each.policing.sent, trunks), *_marks(each.policing.dscp)]
        )
    for each in received:
        rules.setdefault((each.device, "egress"), []).extend(_at_device(each, each.policing.received, trunks))
    chains = [_chain(device, hook, found) for (device, hook), found in rules.items() if found]
    return Table(FAMILY, TABLE, (), tuple(sorted(chains, key=lambda chain: chain.name)))


def _at_device(port: AtDevice, limits: Iterable[Meter], trunks: Collection[str]) -> list[str]:
    match = f"vlan id {port.vlan}" if port.vlan else "ether type != 8021q" if port.device in trunks else ""
    return [rule for each in limits for rule in limit_rules(each, match)]


def _marks(dscp: int) -> list[str]:
    return [f"{kind} dscp set {dscp_name(dscp)}" for kind in ("ip", "ip6") if dscp >= 0]


def _chain(device: str, hook: str, rules: Iterable[str]) -> Chain:
    name = f"{hook}_{chain_of(device)}"
    return Chain(name, f'type filter hook {hook} device "{device}" priority filter; policy accept;', tuple(rules))


def limit_rules(limit: Meter, match: str = "") -> list[str]:
    """The rule that drops what is beyond a limit; none for one beyond what nftables can count, and hosts forward.

    nftables lets a byte limit save up a second's worth and the burst, so of the burst what is beyond that is told.
    """
    before = f"{match} " if match else ""
    if limit.rate > MOST_COUNTED[limit.unit]:
        return []
    if limit.unit == PACKETS:
        return [f"{before}limit rate over {limit.rate}/second burst {min(limit.burst, MOST_BURST)} packets drop"]
    more = min(max(limit.burst - limit.rate, 0) * 125, MOST)
    burst = f" burst {_bytes(more)}" if more else ""
    return [f"{before}limit rate over {_bytes(limit.rate * 125)}/second{burst} drop"]


def dscp_name(mark: int) -> str:
    """A code point as nft prints it (RFC 2474, 2597, 3246, 5865)."""
    if mark % 8 == 0:
        return f"cs{mark // 8}"
    return {44: "va", 46: "ef"}.get(mark) or f"af{mark // 8}{mark % 8 // 2}"


def _bytes(number: int) -> str:
    """As nft prints it."""
    for unit, size in (("mbytes", 1 << 20), ("kbytes", 1 << 10)):
        if number % size == 0:
            return f"{number // size} {unit}"
    return f"{number} bytes"
