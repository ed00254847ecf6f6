"""RBAC entries."""

from __future__ import annotations

from heddle.model.rbac import RbacPolicy
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.records import Records

_r = t.rbac_policies.c

RBAC_POLICIES: Records[RbacPolicy] = Records(RbacPolicy, t.rbac_policies)


def of_object(tx: Tx, object_id: str, action: str = "") -> list[RbacPolicy]:
    """The entries that name an object, for one action or for all."""
    more = [_r.action == action] if action else []
    return RBAC_POLICIES.find(tx, _r.object_id == object_id, *more)
