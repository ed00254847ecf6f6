"""Local IPs, and the ports that they lead to with the hosts that carry those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model.local_ip import LocalIp, LocalIpAssociation
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.query.records import Clause, Parent, Records
from heddle.store.query.tags import tag_filters

_a, _p = t.local_ip_associations.c, t.ports.c

LOCAL_IPS: Records[LocalIp] = Records(LocalIp, t.local_ips, filters=dict(tag_filters(t.local_ips)))


def _load(tx: Tx, associations: Sequence[LocalIpAssociation]) -> None:
    query = sa.select(_p.id, _p.binding_host_id).where(one_of(_p.id, [item.fixed_port_id for item in associations]))
    hosts = {row[0]: row[1] or "" for row in tx.conn.execute(query)}
    for item in associations:
        item.host = hosts.get(item.fixed_port_id, "")


def _on_host(values: Sequence[Any]) -> Clause:
    return _a.fixed_port_id.in_(sa.select(_p.id).where(_p.binding_host_id.in_(list(values))))


ASSOCIATIONS: Records[LocalIpAssociation] = Records(
    LocalIpAssociation,
    t.local_ip_associations,
    load=_load,
    parents={"local_ip": Parent("local_ip_id", t.local_ips)},
    filters={"host": _on_host},
)


def associations_of(tx: Tx, local_ip_id: str) -> list[LocalIpAssociation]:
    return ASSOCIATIONS.find(tx, _a.local_ip_id == local_ip_id)


def to_port(tx: Tx, port_id: str) -> list[LocalIpAssociation]:
    """The associations of a port."""
    return ASSOCIATIONS.find(tx, _a.fixed_port_id == port_id)
