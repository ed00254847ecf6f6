"""The pools of floating IPs: the IPv4 subnets of external networks."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.predicate import Condition
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.networks import NETWORKS

_n, _s = t.networks.c, t.subnets.c


def of_networks(tx: Tx, seen: Condition) -> list[dict[str, str]]:
    """The pools on the external networks that meet a condition: subnet, its name, network and CIDR."""
    query = (
        sa.select(_s.id, _s.name, _s.network_id, _s.cidr)
        .join(t.networks, _n.id == _s.network_id)
        .where(NETWORKS.filter_clause("router_external", [True]), _s.ip_version == 4, NETWORKS.clause(seen))
        .order_by(_s.network_id, _s.created_at, _s.id)
    )
    names = ("subnet_id", "subnet_name", "network_id", "cidr")
    return [dict(zip(names, row, strict=True)) for row in tx.conn.execute(query)]
