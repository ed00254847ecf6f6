"""Networks, with the ids of their subnets, and the segments in use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model.network import Network
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.prepared import Among
from heddle.store.query.records import Clause, Records
from heddle.store.query.tags import tag_filters

_n, _s, _p = t.networks.c, t.subnets.c, t.subnetpools.c
_SCOPE = sa.select(_p.address_scope_id).where(_p.id == _s.subnetpool_id).scalar_subquery()
_SUBNETS = Among((_s.network_id, _s.id, _s.ip_version, _SCOPE), _s.network_id, order=(_s.created_at, _s.id))


def _load(tx: Tx, networks: Sequence[Network]) -> None:
    by_id = {network.id: network for network in networks}
    for network in networks:
        network.subnets, network.ipv4_address_scope, network.ipv6_address_scope = [], None, None
    for network_id, subnet_id, version, scope in _SUBNETS.rows(tx.conn, by_id):
        network = by_id[network_id]
        network.subnets.append(subnet_id)
        if scope and version == 4:
            network.ipv4_address_scope = network.ipv4_address_scope or scope
        elif scope:
            network.ipv6_address_scope = network.ipv6_address_scope or scope


def _subnets(values: Sequence[Any]) -> Clause:
    return _n.id.in_(sa.select(_s.network_id).where(_s.id.in_(list(values))))


NETWORKS: Records[Network] = Records(
    Network, t.networks, load=_load, filters={"subnets": _subnets, **tag_filters(t.networks)}
)


_DOMAINS = Among((_n.id, _n.dns_domain), _n.id, _n.dns_domain != "")


def domains_of(tx: Tx, ids: Iterable[str]) -> dict[str, str]:
    """The DNS domains of those of the networks that have one of their own."""
    return {row[0]: row[1] for row in _DOMAINS.rows(tx.conn, ids)}


def claim_segment(tx: Tx, key: str, network_id: str) -> bool:
    """Note that a network uses a segment.  False: another one does."""
    claims = t.segment_claims
    if tx.conn.execute(sa.select(claims.c.network_id).where(claims.c.key == key)).first() is not None:
        return False
    tx.conn.execute(sa.insert(claims), [{"key": key, "network_id": network_id}])
    return True


def claimed(tx: Tx, keys: Iterable[str]) -> set[str]:
    """Which of the segments are in use."""
    query = sa.select(t.segment_claims.c.key).where(t.segment_claims.c.key.in_(list(keys)))
    return {row[0] for row in tx.conn.execute(query)}


def release_segments(tx: Tx, network_id: str) -> None:
    tx.conn.execute(sa.delete(t.segment_claims).where(t.segment_claims.c.network_id == network_id))
