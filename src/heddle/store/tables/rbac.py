"""RBAC entries: found by the object that they name, and by the target that they let use it."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.rbac import RbacPolicy
from heddle.store.tables.kit import table_for

rbac_policies = table_for(
    RbacPolicy,
    sa.UniqueConstraint("object_id", "action", "target_tenant"),
    sa.Index("ix_rbac_policies_target_tenant", "target_tenant", "object_type", "action", "object_id"),
)
