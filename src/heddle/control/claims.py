"""Claims: what is promised to ports on a host is never more than the host has.

A port claims the minimum bandwidth and packet rates of its policy on each host that carries it or is prepared to.
Whoever adds to the claims of a host locks the host's capacities first and then sums up: two that come at once are one
after the other.  A binding that does not fit fails and says why, and its host is not told of the port; a change of the
policy of a port that is bound is refused.  The cloud's own ports claim nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from heddle.control.binding import joined_by
from heddle.control.context import Context, timestamp
from heddle.errors import Conflict, NotPossible
from heddle.model.capacity import KBPS, KPPS, TUNNELS, Amount
from heddle.model.network import Network
from heddle.model.port import OWN, Port, is_own
from heddle.model.qos import MINIMA, MinimumBandwidthRule, MinimumPacketRateRule, QosRule
from heddle.model.segment import Segment
from heddle.store.engine import Tx
from heddle.store.query import capacities, hosts
from heddle.store.query import ports as port_query
from heddle.store.query import qos as q
from heddle.store.query import segments as segment_query
from heddle.store.query.capacities import Promise, User
from heddle.store.query.hosts import Fault, Host

log = logging.getLogger(__name__)

FAILED = "binding_failed"
UNBOUND = ("", "unbound", FAILED)


@dataclass(slots=True)
class Book:
    """What each of some hosts may promise, and has: by amount and port."""

    totals: Mapping[str, Mapping[Amount, int]]
    held: Mapping[str, Mapping[Amount, dict[str, int]]]

    def lack(self, host: str, port_id: str, aside: Iterable[str] = ()) -> str:
        """Why a port's claims do not fit on a host, "" if they do; `aside`: ports whose claims do not count."""
        left_out = set(aside) - {port_id}
        for amount, by_port in sorted(self.held[host].items()):
            if port_id not in by_port:
                continue
            wanted = by_port[port_id]
            others = sum(each for id, each in by_port.items() if id != port_id and id not in left_out)
            total = self.totals[host].get(amount)
            if total is None:
                return f"host {host} has no {amount} to guarantee; the port asks for {wanted}"
            if wanted + others > total:
                return f"host {host} has {max(0, total - others)} of {total} {amount} free; the port asks for {wanted}"
        return ""


def book(tx: Tx, names: Iterable[str], *, lock: bool = False) -> Book:
    """What hosts have promised; `lock`: nobody else promises anything there until this transaction ends."""
    wanted = sorted(set(names))
    totals = capacities.totals(tx, wanted, lock=lock)
    promised = capacities.promises(tx, wanted)
    known = hosts.named(tx, wanted) if promised else {}
    segments = segment_query.of_networks(tx, {each.network_id for each in promised if each.unit == KBPS})
    held: dict[str, dict[Amount, dict[str, int]]] = {host: defaultdict(dict) for host in wanted}
    for each in promised:
        amount = Amount(each.unit, _provider(known.get(each.host), each, segments), each.direction)
        held[each.host][amount][each.port_id] = each.amount
    return Book(totals, held)


def _provider(host: Host | None, promise: Promise, segments: Mapping[str, Sequence[Segment]]) -> str:
    """What of the host the traffic of a network passes."""
    if promise.unit == KPPS:
        return ""
    segment = joined_by(host, segments[promise.network_id]) if host is not None else None
    if host is None or segment is None or not segment.physical_network:
        return TUNNELS
    return host.bridge_mappings.get(segment.physical_network, segment.physical_network)


# A port comes to a host, or changes its policy there


def settle(ctx: Context, ports: Sequence[Port], network: Network) -> None:
    """New ports of a network, or ones that came to their hosts; the binding of one whose claims do not fit fails."""
    asking = _asking(ctx, ports, network)
    if not asking:
        return
    found = book(ctx.tx, {port.binding_host_id or "" for port in asking}, lock=True)
    undecided = {port.id for port in asking}
    for port in asking:
        if reason := found.lack(port.binding_host_id or "", port.id, undecided):
            _refuse(ctx, port, reason)
        else:
            undecided.discard(port.id)


def follow(ctx: Context, new: Port, old: Port, network: Network) -> None:
    """A port is other than it was.  Raises `Conflict` when what its new policy asks for is not free on its host."""
    host, bound = new.binding_host_id or "", new.binding_vif_type not in UNBOUND
    if old.binding_refusal and (bound or host != old.binding_host_id):
        hosts.clear_faults(ctx.tx, old.binding_host_id or "", [("port", new.id)])
    if not bound:
        return
    if host != old.binding_host_id or old.binding_vif_type in UNBOUND:
        settle(ctx, [new], network)
    elif new.qos_policy_id != old.qos_policy_id and _asking(ctx, [new], network):
        rising = _rises(ctx.tx, old.qos_policy_id or network.qos_policy_id, new.qos_policy_id or network.qos_policy_id)
        if rising:
            check(ctx, {new.id: [host]})


def check(ctx: Context, where: Mapping[str, Sequence[str]]) -> None:
    """Whether the claims of ports fit on their hosts.  Raises `Conflict` (QosPlacementAllocationUpdateConflict)."""
    names = {host for found in where.values() for host in found}
    found = book(ctx.tx, names, lock=True)
    for port_id, mine in where.items():
        for host in mine:
            if reason := found.lack(host, port_id):
                raise Conflict(
                    "QosPlacementAllocationUpdateConflict", f"The QoS of port {port_id} cannot be changed: {reason}."
                )


def reason_against(ctx: Context, port: Port, network: Network, host: str) -> str:
    """Why a binding of a port that was just written cannot be; "" if it can."""
    if not _asking(ctx, [port], network, anywhere=True):
        return ""
    return book(ctx.tx, [host], lock=True).lack(host, port.id)


def _asking(ctx: Context, ports: Sequence[Port], network: Network, *, anywhere: bool = False) -> list[Port]:
    """Those of the bound ports that ask for a minimum; the rules of their policies stay as they are meanwhile."""
    policies = {}
    for port in ports:
        policy = port.qos_policy_id or network.qos_policy_id
        bound = anywhere or port.binding_vif_type not in UNBOUND
        if policy and bound and not is_own(port):
            policies[port.id] = policy
    for policy in sorted(set(policies.values())) if not ctx.tx.alone else ():
        q.POLICIES.get(ctx.tx, policy, bare=True, hold=True)
    rules = q.rules_of(ctx.tx, policies.values(), MINIMA)
    return [port for port in ports if port.id in policies and rules[policies[port.id]]]


def _refuse(ctx: Context, port: Port, reason: str) -> None:
    old = msgspec.structs.replace(port)
    port.binding_vif_type, port.binding_vif_details = FAILED, {}
    port.binding_refusal = reason[:255]
    port_query.PORTS.update(ctx.tx, old, port)
    hosts.set_faults(ctx.tx, [Fault(port.binding_host_id or "", "port", port.id, reason, timestamp())])
    log.warning("binding refused port=%s host=%s reason=%s", port.id, port.binding_host_id, reason)


# A policy changes


def policy_of_network_changed(ctx: Context, old: Network, new: Network) -> None:
    """A network has another policy.  Raises `Conflict` when its ports' hosts have not free what it asks for."""
    if not new.qos_policy_id or new.qos_policy_id == old.qos_policy_id:
        return
    if _rises(ctx.tx, old.qos_policy_id, new.qos_policy_id):
        _check_users(ctx, capacities.users(ctx.tx, new.qos_policy_id, new.id))


def rule_changed(ctx: Context, rule: QosRule, *, gone: bool = False) -> None:
    """A minimum is new, another, or `gone`.

    Raises `NotPossible` while VMs' ports follow it (the scheduler of VMs has placed them by what it was), `Conflict`
    like `check` for other ports.
    """
    if not isinstance(rule, MINIMA):
        return
    users = capacities.users(ctx.tx, rule.qos_policy_id)
    for user in users:
        if user.device_owner.startswith("compute:"):
            raise NotPossible(
                "NotImplementedError",
                f"The minimum of QoS policy {rule.qos_policy_id} cannot be changed while port {user.port_id} of a VM "
                "follows it: give the port another policy, or none, first.",
            )
    if not gone:
        _check_users(ctx, users)


def _check_users(ctx: Context, users: Iterable[User]) -> None:
    where: dict[str, list[str]] = defaultdict(list)
    for user in users:
        if user.host and not user.device_owner.startswith(OWN):
            where[user.port_id].append(user.host)
    if where:
        check(ctx, where)


def _rises(tx: Tx, old: str | None, new: str | None) -> bool:
    """Whether a policy asks for more of anything than another."""
    rules = q.rules_of(tx, [id for id in (old, new) if id], MINIMA)
    before = dict(_minimum(rule) for rule in rules.get(old or "", ()))
    return any(amount > before.get(what, 0) for what, amount in (_minimum(rule) for rule in rules.get(new or "", ())))


def _minimum(rule: QosRule) -> tuple[tuple[str, str], int]:
    if isinstance(rule, MinimumBandwidthRule):
        return (KBPS, rule.direction), rule.min_kbps
    assert isinstance(rule, MinimumPacketRateRule)
    return (KPPS, rule.direction), rule.min_kpps
