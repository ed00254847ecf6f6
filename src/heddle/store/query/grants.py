"""Who may use which objects: what RBAC entries say, as SQL.

A list is narrowed by the ids that entries name, which the index on targets gives at once; for an object that is read
anyway, the index on objects says whether there is an entry.  `VIEWER` is the project in whose eyes objects are read
(`Tx.viewer`): each statement of `Records` gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model.access import EVERYBODY, Access
from heddle.store import tables as t

_r = t.rbac_policies.c
VIEWER = sa.bindparam("viewer", type_=sa.String(255))
OF_VIEWER = (sa.literal(EVERYBODY), VIEWER)


def ids(object_type: str, action: str, targets: Sequence[sa.ColumnElement[str]] = ()) -> sa.Select[Any]:
    """The objects on which an entry lets one of the targets do an action; without targets: lets anybody."""
    query = sa.select(_r.object_id).where(_r.object_type == object_type, _r.action == action)
    return query.where(_r.target_tenant.in_(targets)) if targets else query


def flag(access: Access, column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether there is the access to the object whose id is in the column: a value to select."""
    query = ids(access.object_type, access.action, () if access.callers else OF_VIEWER)
    return sa.exists(query.where(_r.object_id == column))


def among(access: Access, column: sa.Column[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """A filter: objects for which the flag has one of the values."""
    inside = column.in_(ids(access.object_type, access.action, () if access.callers else OF_VIEWER))
    wanted = {bool(value) for value in values}
    return sa.or_(sa.false(), *(inside if value else sa.not_(inside) for value in sorted(wanted)))
