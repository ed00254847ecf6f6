"""On which host a floating IP is translated: that of its guest where it can be, else that of its router.

It is the guest's where the router is distributed, that host has Open vSwitch and reaches the physical network of the
external network, and nothing is asked that only the router's own host does:

    the router      translates (`enable_snat`), is not highly available, and no metering label counts at it; the agent
                    of its host leaves floating IPs to others, which those of old versions do not
    the floating IP has no QoS policy, nor has the external network; it forwards no ports
    the guest       is on a network of the router where all ports meet, and in another address scope than the outside

The place is kept with the floating IP, so that both hosts are told the same at the same moment, and is looked at anew
whenever one of these may have changed, by one transaction at a time for each router.  A host that translates for a
router is on the external network by a port of its own, which has a MAC and no address.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from heddle.control import ports
from heddle.control.context import Context
from heddle.control.floating_facts import Facts, gather
from heddle.control.news import floating_ip_news
from heddle.model.floating_ip import FloatingIp
from heddle.model.network import Network
from heddle.model.port import FLOATING_GATEWAY, Port
from heddle.model.router import Router
from heddle.store.query import floating_ips as q
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import routers as router_query


def follow(ctx: Context, port: Port, old: Port) -> None:
    """The port, which is other than `old`, may have come to another host."""
    if (port.binding_host_id, port.binding_vif_type) != (old.binding_host_id, old.binding_vif_type):
        settle(ctx, q.of_port(ctx.tx, port.id))


def changed(ctx: Context, new: FloatingIp, old: FloatingIp) -> None:
    """A floating IP is other than `old`."""
    settle(ctx, [new], old.router_id if old.host else None)


def of_router(ctx: Context, router_id: str) -> None:
    """The router is other than before, or on another host."""
    settle(ctx, q.of_router(ctx.tx, router_id))


def of_network(ctx: Context, network: Network, old: Network) -> None:
    """The external network, or that of guests, is other than `old`."""
    if any(getattr(network, name) != getattr(old, name) for name in ("qos_policy_id", "pvlan", "subnet_isolation")):
        settle(ctx, [*q.of_network(ctx.tx, network.id), *q.to_network(ctx.tx, network.id)])


def of_host(ctx: Context, host: str) -> None:
    """A host is new, or reaches other networks than before."""
    settle(ctx, q.of_distributed(ctx.tx, host))


def of_project(ctx: Context, project_id: str) -> None:
    """What the routers of a project count is other than before; "" for all projects."""
    settle(ctx, q.of_project(ctx.tx, project_id))


def settle(ctx: Context, floating_ips: Iterable[FloatingIp], left: str | None = None) -> None:
    """Give floating IPs their place; `left`: a router that has one of them no longer."""
    found = list(floating_ips)
    routers = _locked(ctx, found, left)
    found = [item for item in found if item.host or item.router_id in routers]
    if found and not ctx.tx.alone:
        # Who had one of the routers meanwhile was waited for.
        found = list(q.FLOATING_IPS.get_many(ctx.tx, [item.id for item in found]).values())
    found = [item for item in found if not item.router_id or item.router_id in routers]
    if found:
        facts = gather(ctx.tx, found, routers)
        for item in found:
            _put(ctx, item, _place(facts, item))
    _gates(ctx, routers)


def _locked(ctx: Context, floating_ips: Sequence[FloatingIp], left: str | None) -> dict[str, Router]:
    """The routers of which something may be translated elsewhere: nobody else decides that of them meanwhile."""
    distributed = router_query.distributed(ctx.tx, {item.router_id for item in floating_ips if item.router_id})
    before = {left, *(item.router_id for item in floating_ips if item.host)}
    return router_query.lock_many(ctx.tx, distributed | {id for id in before if id})


def _put(ctx: Context, item: FloatingIp, place: str) -> None:
    if place == item.host:
        return
    new = msgspec.structs.replace(item, host=place, status="DOWN")
    q.FLOATING_IPS.update(ctx.tx, item, new)
    if item.router_id:
        floating_ip_news(ctx.tx, new, item)


def _place(facts: Facts, item: FloatingIp) -> str:
    """The host of the guest where that translates, else ""."""
    router, port = facts.routers.get(item.router_id or ""), facts.ports.get(item.port_id or "")
    if router is None or port is None or item.qos_policy_id or facts.kept(router):
        return ""
    if port.binding_vif_type != "ovs" or port.binding_host_id in ("", router.host):
        return ""
    fit = facts.joined(router, port, item) and facts.able(port.binding_host_id, item)
    return port.binding_host_id if fit else ""


def _gates(ctx: Context, routers: Collection[str]) -> None:
    """Hosts that translate for a router have a port on the external network for it, and others have none."""
    wanted: dict[str, dict[str, str]] = {router_id: {} for router_id in routers}
    for item in q.of_routers(ctx.tx, routers) if routers else ():
        if item.router_id and item.host:
            wanted[item.router_id][item.host] = item.floating_network_id
    for router_id, there in sorted(port_query.of_devices(ctx.tx, routers, FLOATING_GATEWAY).items()):
        places = wanted[router_id]
        for port in there:
            if port.binding_host_id not in places:
                ports.delete_port(ctx, port, own=True)
        for host in sorted(places.keys() - {port.binding_host_id for port in there}):
            _join(ctx, router_id, host, places[host])


def _join(ctx: Context, router_id: str, host: str, network_id: str) -> None:
    network = network_query.NETWORKS.get(ctx.tx, network_id)
    if network is not None:
        ports.own_port(ctx, network, owner=FLOATING_GATEWAY, device_id=router_id, project_id="", host=host,
                       fixed_ips=[])  # fmt: skip
