"""Limits and usage per project and resource."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.dialect import upsert
from heddle.store.engine import Tx

_q, _u = t.quotas.c, t.quota_usage.c

_LIMITS = sa.select(_q.resource, _q.limit).where(_q.project_id == sa.bindparam("project"))
_ADD = (
    sa.update(t.quota_usage)
    .where(_u.project_id == sa.bindparam("project"), _u.resource == sa.bindparam("kind"))
    .values(used=_u.used + sa.bindparam("count"))
)
_LIMIT = sa.func.coalesce(
    sa.select(_q.limit)
    .where(_q.project_id == sa.bindparam("project"), _q.resource == sa.bindparam("kind"))
    .scalar_subquery(),
    sa.bindparam("default", type_=sa.BigInteger),
)
_TAKE = _ADD.where(sa.or_(_LIMIT < 0, _u.used + sa.bindparam("count") <= _LIMIT))
_ADD_LIMITED = _ADD.where(_u.used + sa.bindparam("count") <= sa.bindparam("most"))


def limits(tx: Tx, project_id: str) -> dict[str, int]:
    """The limits that were set for a project."""
    return {row[0]: int(row[1]) for row in tx.conn.execute(_LIMITS, {"project": project_id})}


def add_usage(tx: Tx, project_id: str, resource: str, count: int, limit: int) -> bool:
    """Count objects in a project; False when that passes the limit (-1: none).  `count` may be negative.

    A row that another transaction made between the statements is met at the second try.
    """
    values = {"project": project_id, "kind": resource, "count": count, "most": limit}
    if limit < 0 or count < 0:
        values.pop("most")
    row = {"project_id": project_id, "resource": resource, "used": count}
    known = sa.select(_u.used).where(_u.project_id == project_id, _u.resource == resource)
    for _ in range(2):
        if tx.conn.execute(_ADD if limit < 0 or count < 0 else _ADD_LIMITED, values).rowcount:
            return True
        if tx.conn.execute(known).first() is None:
            if 0 <= limit < count:
                return False
            tx.conn.execute(sa.insert(t.quota_usage), [row])
            return True
    return False


def take(tx: Tx, project_id: str, resource: str, count: int, default: int) -> bool:
    """Count new objects; False when that passes the limit of the project, which is `default` where none was set."""
    values = {"project": project_id, "kind": resource, "count": count, "default": default}
    if tx.conn.execute(_TAKE, values).rowcount:
        return True
    return add_usage(tx, project_id, resource, count, limits(tx, project_id).get(resource, default))


def usage(tx: Tx, project_id: str) -> dict[str, int]:
    query = sa.select(_u.resource, _u.used).where(_u.project_id == project_id)
    return {row[0]: int(row[1]) for row in tx.conn.execute(query)}


def set_limits(tx: Tx, project_id: str, values: Mapping[str, int]) -> None:
    rows = [{"project_id": project_id, "resource": name, "limit": limit} for name, limit in values.items()]
    upsert(tx.conn, t.quotas, rows, ("project_id", "resource"))


def delete_limits(tx: Tx, project_id: str) -> None:
    tx.conn.execute(sa.delete(t.quotas).where(_q.project_id == project_id))


def all_limits(tx: Tx) -> dict[str, dict[str, int]]:
    """The limits that were set, by project."""
    found: dict[str, dict[str, int]] = {}
    for project_id, resource, limit in tx.conn.execute(sa.select(_q.project_id, _q.resource, _q.limit)):
        found.setdefault(project_id, {})[resource] = int(limit)
    return dict(sorted(found.items()))
