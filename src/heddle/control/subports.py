"""The subports of a trunk are on the host of its parent port, and the trunk's status tells of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from heddle.control import binding, claims, floating_places, port_addresses, private_vlans
from heddle.control.context import Context
from heddle.control.news import port_news
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.trunk import status_of
from heddle.store.engine import Tx
from heddle.store.query import networks as network_query
from heddle.store.query import ports as port_query
from heddle.store.query import trunks as q


def place(ctx: Context, port: Port, network: Network, host: str, **values: Any) -> None:
    """Bind a port that is a subport, or was one until now, to a host ("": to none), and write these values to it."""
    new = ctx.changed(port, binding_host_id=host, **values)
    private_vlans.check_subport(ctx, new, port)
    port_addresses.settle(ctx, network, port, new, asked=False)
    binding.bind(ctx, new, network, port)
    port_query.PORTS.update(ctx.tx, port, new)
    claims.follow(ctx, new, port, network)
    port_news(ctx.tx, new, port)
    floating_places.follow(ctx, new, port)


def follow(ctx: Context, parent: Port, old: Port) -> None:
    """The parent port, which is other than `old`, may have come to another host, or to none."""
    if not parent.trunk_id or (parent.binding_host_id, parent.status) == (old.binding_host_id, old.status):
        return
    trunk = q.TRUNKS.get(ctx.tx, parent.trunk_id)
    if trunk is not None and parent.binding_host_id != old.binding_host_id:
        ports = [port_query.PORTS.lock(ctx.tx, port_id) for port_id in sorted(each.port_id for each in trunk.sub_ports)]
        found = [port for port in ports if port is not None]
        networks = network_query.NETWORKS.get_many(ctx.tx, {port.network_id for port in found})
        for port in found:
            place(ctx, port, networks[port.network_id], parent.binding_host_id)
    settle(ctx.tx, [parent.trunk_id])


def settle(tx: Tx, trunk_ids: Iterable[str]) -> None:
    """Write the statuses of trunks as those of their ports are."""
    for trunk_id, (status, parent, subports) in q.port_statuses(tx, list(trunk_ids)).items():
        wanted = status_of(parent, subports)
        if wanted != status:
            q.set_status(tx, trunk_id, wanted)


def ports_changed(tx: Tx, port_ids: Iterable[str]) -> None:
    """The statuses of these ports may be others than before."""
    settle(tx, q.of_ports(tx, list(port_ids)))


def host_silent(tx: Tx, host: str) -> None:
    """The ports of a host are DOWN."""
    settle(tx, q.on_host(tx, host))
