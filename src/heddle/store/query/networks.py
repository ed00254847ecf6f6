"""Networks, with the ids of their subnets, and their segments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from heddle.model.access import NETWORK_EXTERNAL_TO_SOME
from heddle.model.network import Network
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.parts import Part
from heddle.store.prepared import Among
from heddle.store.query import grants, segments
from heddle.store.query.records import Beside, Clause, Records
from heddle.store.query.tags import tag_filters

_n, _s, _p = t.networks.c, t.subnets.c, t.subnetpools.c
_SCOPE = sa.select(_p.address_scope_id).where(_p.id == _s.subnetpool_id).scalar_subquery()
_SUBNETS = Among(
    (_s.network_id, _s.id, _s.segment_id, _s.ip_version, _SCOPE), _s.network_id, order=(_s.created_at, _s.id)
)


def _load(tx: Tx, networks: Sequence[Network]) -> None:
    by_id = {network.id: network for network in networks}
    for network in networks:
        network.subnets, network.ipv4_address_scope, network.ipv6_address_scope = [], None, None
        network.l2_adjacency = True
    for network_id, subnet_id, segment_id, version, scope in _SUBNETS.rows(tx.conn, by_id):
        network = by_id[network_id]
        network.subnets.append(subnet_id)
        network.l2_adjacency &= segment_id is None
        if scope and version == 4:
            network.ipv4_address_scope = network.ipv4_address_scope or scope
        elif scope:
            network.ipv6_address_scope = network.ipv6_address_scope or scope
    told = segments.told(tx, by_id)
    for network in networks:
        network.tell_segments(told.get(network.id, ()))


def _subnets(values: Sequence[Any]) -> Clause:
    return _n.id.in_(sa.select(_s.network_id).where(_s.id.in_(list(values))))


NETWORKS: Records[Network] = Records(
    Network,
    t.networks,
    load=_load,
    filters={"subnets": _subnets, **segments.NETWORK_FILTERS, **tag_filters(t.networks)},
)


_EXTERNAL = Among((_n.id,), _n.id, grants.flag(NETWORK_EXTERNAL_TO_SOME, _n.id))


def external_among(tx: Tx, ids: Iterable[str]) -> set[str]:
    """Which of the networks are external."""
    return {row[0] for row in _EXTERNAL.rows(tx.conn, ids)}


class ShownByPorts(NamedTuple):
    """What ports tell of their network."""

    dns_domain: str = ""
    qos_policy_id: str | None = None


_SHOWN = Among(
    (_n.id, _n.dns_domain, _n.qos_policy_id), _n.id, sa.or_(_n.dns_domain != "", _n.qos_policy_id.is_not(None))
)


def shown_by_ports(tx: Tx, ids: Iterable[str]) -> dict[str, ShownByPorts]:
    """What ports tell of their networks, for those of the networks where there is something to tell."""
    wanted = set(ids)
    rows = _SHOWN.rows(tx.conn, wanted - tx.told.keys()) if wanted - tx.told.keys() else ()
    return {row[0]: ShownByPorts(row[1], row[2]) for row in rows} | {id: tx.told[id] for id in wanted & tx.told.keys()}


_beside = t.networks.alias("beside").c


def _note(tx: Tx, network_id: str, found: list[ShownByPorts]) -> None:
    if found:
        tx.told[network_id] = found[0]


_SHOWN_PART = Part("shown", _beside.id, (_beside.dns_domain, _beside.qos_policy_id), ShownByPorts, single=True)
SHOWN_BY_PORTS = Beside("network_id", _SHOWN_PART, _note)


def will_show(tx: Tx, network: Network) -> None:
    """The ports of a network that was just read are shown in this transaction: it is not read again for that."""
    tx.told[network.id] = ShownByPorts(network.dns_domain, network.qos_policy_id)
