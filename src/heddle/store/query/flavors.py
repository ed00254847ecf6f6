"""Flavors with the ids of their service profiles, and service profiles."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from heddle.model.flavor import Flavor, ServiceProfile
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.query.records import Records

_b = t.flavor_service_profiles.c


def _load(tx: Tx, flavors: Sequence[Flavor]) -> None:
    by_id = {flavor.id: flavor for flavor in flavors}
    for flavor in flavors:
        flavor.service_profiles = []
    query = sa.select(_b.flavor_id, _b.service_profile_id).where(one_of(_b.flavor_id, by_id))
    for flavor_id, profile_id in tx.conn.execute(query.order_by(_b.service_profile_id)):
        by_id[flavor_id].service_profiles.append(profile_id)


FLAVORS: Records[Flavor] = Records(Flavor, t.flavors, load=_load)
SERVICE_PROFILES: Records[ServiceProfile] = Records(ServiceProfile, t.service_profiles)


def bind(tx: Tx, flavor_id: str, profile_id: str) -> None:
    row = {"flavor_id": flavor_id, "service_profile_id": profile_id}
    tx.conn.execute(sa.insert(t.flavor_service_profiles), [row])


def unbind(tx: Tx, flavor_id: str, profile_id: str) -> bool:
    """Returns whether they were bound."""
    bound = sa.delete(t.flavor_service_profiles).where(_b.flavor_id == flavor_id, _b.service_profile_id == profile_id)
    return tx.conn.execute(bound).rowcount > 0


def unbind_all(tx: Tx, flavor_id: str) -> None:
    tx.conn.execute(sa.delete(t.flavor_service_profiles).where(_b.flavor_id == flavor_id))


def is_bound(tx: Tx, profile_id: str) -> bool:
    """Whether a service profile belongs to a flavor."""
    query = sa.select(_b.flavor_id).where(_b.service_profile_id == profile_id).limit(1)
    return tx.conn.execute(query).first() is not None


def in_use(tx: Tx, flavor_id: str) -> bool:
    """Whether a router has the flavor."""
    query = sa.select(t.routers.c.id).where(t.routers.c.flavor_id == flavor_id).limit(1)
    return tx.conn.execute(query).first() is not None
