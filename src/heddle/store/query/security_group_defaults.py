"""Templates of security groups' rules, and whether new groups are stateful."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.security_group_defaults import DefaultSecurityGroupRule, DefaultStatefulness
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.query.records import Records

_r, _s = t.default_security_group_rules.c, t.security_groups_default_statefulness.c

TEMPLATES: Records[DefaultSecurityGroupRule] = Records(DefaultSecurityGroupRule, t.default_security_group_rules)
STATEFULNESS: Records[DefaultStatefulness] = Records(DefaultStatefulness, t.security_groups_default_statefulness)


def used(tx: Tx, *, in_default: bool) -> list[DefaultSecurityGroupRule]:
    """The templates of default groups, or of the others."""
    column = _r.used_in_default_sg if in_default else _r.used_in_non_default_sg
    return TEMPLATES.find(tx, column == sa.true())


def alike(tx: Tx, template: DefaultSecurityGroupRule) -> str | None:
    """The id of a template that says the same to the same groups."""
    keys = ((_r.default_key, template.default_key), (_r.custom_key, template.custom_key))
    same = [column == key for column, key in keys if key is not None]
    found = tx.conn.execute(sa.select(_r.id).where(sa.or_(sa.false(), *same))).first()
    return None if found is None else str(found[0])


def drop_naming(tx: Tx, group_id: str) -> None:
    """Delete the templates whose remote is a group."""
    tx.conn.execute(sa.delete(t.default_security_group_rules).where(_r.remote_group_id == group_id))


def settings(tx: Tx, project_id: str) -> dict[str, bool]:
    """Whether new groups are stateful: as set for a project, and for all (""), where it is set."""
    query = sa.select(_s.place, _s.stateful).where(_s.place.in_(("", project_id)))
    return {row[0]: row[1] for row in tx.conn.execute(query)}
