"""The network of each project that its highly available routers have among themselves.

It belongs to no project, so tenants do not see it; it is there as long as the project has such a router.
"""

from __future__ import annotations

from heddle.control import networks, subnets
from heddle.control.context import Context
from heddle.model.caller import SYSTEM
from heddle.model.network import Network
from heddle.model.resource import Draft
from heddle.model.subnet import Subnet
from heddle.store.query import ha_networks as q
from heddle.store.query import networks as network_query

CIDR = "169.254.192.0/18"


def ensure(ctx: Context, project_id: str) -> None:
    """Make the network if the project has none."""
    if q.of_project(ctx.tx, project_id):
        return
    own = Context(ctx.tx, SYSTEM, ctx.settings, now=ctx.now)
    network = Network(name=f"HA network tenant {project_id}")
    made = networks.create_networks(own, [Draft(network, frozenset({"name"}))])[0]
    q.set(ctx.tx, project_id, made.id)
    subnet = Subnet(name=f"HA subnet tenant {project_id}", network_id=made.id, cidr=CIDR, enable_dhcp=False)
    given = frozenset({"name", "network_id", "cidr", "ip_version", "enable_dhcp", "gateway_ip"})
    subnets.create_subnets(own, [Draft(subnet, given)])


def release(ctx: Context, project_id: str) -> None:
    """Remove the network if the project's last highly available router is gone."""
    network_id = q.of_project(ctx.tx, project_id)
    if not network_id or q.is_needed(ctx.tx, project_id):
        return
    network = network_query.NETWORKS.lock(ctx.tx, network_id)
    if network is not None and not network.project_id:
        networks.delete_network(Context(ctx.tx, SYSTEM, ctx.settings, now=ctx.now), network)
