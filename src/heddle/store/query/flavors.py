"""Flavors with the ids of their service profiles, and service profiles."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.flavor import Flavor, ServiceProfile
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.parts import Part
from heddle.store.query.records import Records

_b = t.flavor_service_profiles.c


_PROFILES = Part("service_profiles", _b.flavor_id, (_b.service_profile_id,), str, order=_b.service_profile_id)
FLAVORS: Records[Flavor] = Records(Flavor, t.flavors, parts=(_PROFILES,))
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
