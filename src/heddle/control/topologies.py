"""Get me a network: a network with a subnet of each default pool, behind a router to the default external network.

A project has one such topology.  It is made in one transaction, all of it or none, and its row is keyed by the
project: of two requests at once one finds what the other has made.
"""

from __future__ import annotations

from heddle.control import networks, pool_blocks, router_interfaces, routers, subnets
from heddle.control.context import Context
from heddle.errors import Conflict
from heddle.model.network import Network
from heddle.model.port import INTERFACES
from heddle.model.resource import parse_create
from heddle.model.router import Router
from heddle.model.subnet import Subnet
from heddle.model.subnet_pool import SubnetPool
from heddle.store.query import defaults
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import routers as router_query
from heddle.store.query import topologies as q
from heddle.store.query.topologies import Topology

NETWORK, ROUTER, SUBNET = "auto_allocated_network", "auto_allocated_router", "auto_allocated_subnet_v{}"


def check_requirements(ctx: Context) -> tuple[Network, list[SubnetPool]]:
    """The default external network and the default pools that the caller may use.  Raises `Conflict`."""
    id = defaults.holder(ctx.tx, networks.DEFAULT)
    external = network_query.NETWORKS.get(ctx.tx, id, ctx.visible(Network)) if id else None
    if external is None or not external.router_external:
        raise _failure("No default router:external network")
    pools = [pool for version in (4, 6) if (pool := pool_blocks.default_pool(ctx, version)) is not None]
    if not pools:
        raise _failure("No default pools defined")
    return external, pools


def make(ctx: Context, project_id: str) -> Topology:
    """The topology of a project, made if there is none.  Raises `Conflict` (AutoAllocationFailure, OverQuota)."""
    found = q.of_project(ctx.tx, project_id)
    if found is not None:
        return found
    external, pools = check_requirements(ctx)
    (network,) = networks.create_networks(ctx, [parse_create(Network, {"name": NETWORK}, project_id)])
    gateway = {"name": ROUTER, "external_gateway_info": {"network_id": external.id}}
    (router,) = routers.create_routers(ctx, [parse_create(Router, gateway, project_id)])
    for pool in pools:
        body = {
            "name": SUBNET.format(pool.ip_version),
            "network_id": network.id,
            "ip_version": pool.ip_version,
            "subnetpool_id": pool.id,
        }
        (subnet,) = subnets.create_subnets(ctx, [parse_create(Subnet, body, project_id)])
        router_interfaces.add_interface(ctx, router, subnet_id=subnet.id)
    topology = Topology(project_id, network.id, router.id)
    q.insert(ctx.tx, topology)
    return topology


def delete(ctx: Context, project_id: str) -> None:
    """Remove the topology of a project, if it has one.  Raises `Conflict` while others use its network or router."""
    topology = q.of_project(ctx.tx, project_id)
    if topology is None:
        return
    router = router_query.ROUTERS.get(ctx.tx, topology.router_id)
    if router is not None:
        for port in port_query.of_device(ctx.tx, router.id, INTERFACES):
            if port.network_id == topology.network_id:
                router_interfaces.remove_interface(ctx, router, port_id=port.id)
        routers.delete_router(ctx, router)
    network = network_query.NETWORKS.lock(ctx.tx, topology.network_id)
    if network is not None:
        networks.delete_network(ctx, network)


def _failure(reason: str) -> Conflict:
    return Conflict("AutoAllocationFailure", f"Deployment error: {reason}.")
