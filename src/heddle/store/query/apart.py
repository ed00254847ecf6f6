"""Ports that not all ports of their network meet, where the network has an outside: a segment on a physical network."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.port import OWN, Port
from heddle.model.private_vlan import COMMUNITY, ISOLATED
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.ports import PORTS

_p, _n, _s = t.ports.c, t.networks.c, t.networksegments.c


def apart_with_an_outside(tx: Tx, beginning: str) -> list[Port]:
    """Those whose MAC address begins otherwise, and those that have allowed address pairs, whatever these are."""
    outside = sa.select(_s.network_id).where(_s.physical_network != "")
    parted = sa.select(_n.id).where(_n.subnet_isolation == sa.true())
    guests = sa.and_(_p.network_id.in_(parted), sa.not_(_p.device_owner.startswith(OWN)))
    apart = sa.or_(_p.pvlan_type.in_((ISOLATED, COMMUNITY)), guests)
    others = sa.or_(sa.not_(_p.mac_address.startswith(beginning)), _p.allowed_address_pairs != [])
    return PORTS.find(tx, _p.network_id.in_(outside), apart, others)
