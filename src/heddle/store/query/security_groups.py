"""Security groups with their rules, and the default group of each project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from heddle.model.security_group import SecurityGroup, SecurityGroupRule
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.prepared import Among
from heddle.store.query.records import Parent, Records, equals
from heddle.store.query.tags import tag_filters

_g, _r = t.security_groups.c, t.security_group_rules.c
_d, _p = t.default_security_groups.c, t.port_security_groups.c
_NAMES_ANY = sa.or_(_r.remote_group_id.is_not(None), _r.remote_address_group_id.is_not(None))
_REMOTES_OF = Among((_r.remote_group_id, _r.remote_address_group_id), _r.security_group_id, _NAMES_ANY)
_EVERYBODY = ("0.0.0.0/0", "::/0")
_REMOTES = ("remote_group_id", "remote_address_group_id")

RULES: Records[SecurityGroupRule] = Records(
    SecurityGroupRule,
    t.security_group_rules,
    parents={"security_group": Parent("security_group_id", t.security_groups)},
    filters=dict(tag_filters(t.security_group_rules)),
)


def _load(tx: Tx, groups: Sequence[SecurityGroup]) -> None:
    by_id = {group.id: group for group in groups}
    for group in groups:
        group.security_group_rules = []
    for rule in RULES.find(tx, one_of(_r.security_group_id, by_id)):
        by_id[rule.security_group_id].security_group_rules.append(rule)
    for group in groups:
        group.security_group_rules.sort(key=lambda rule: (rule.created_at, rule.id))


GROUPS: Records[SecurityGroup] = Records(
    SecurityGroup, t.security_groups, load=_load, filters=dict(tag_filters(t.security_groups))
)

_DEFAULT = (
    sa.select(_d.security_group_id)
    .where(_d.project_id == sa.bindparam("project"))
    .with_for_update(read=True, key_share=True)
)


def default_of(tx: Tx, project_id: str) -> str | None:
    """The id of a project's default group, which stays until the transaction ends."""
    found = tx.conn.execute(_DEFAULT, {"project": project_id}).scalar_one_or_none()
    return None if found is None else str(found)


def set_default(tx: Tx, project_id: str, group_id: str) -> None:
    tx.conn.execute(sa.insert(t.default_security_groups), [{"project_id": project_id, "security_group_id": group_id}])


def drop_default(tx: Tx, project_id: str) -> None:
    tx.conn.execute(sa.delete(t.default_security_groups).where(_d.project_id == project_id))


def existing(tx: Tx, ids: Iterable[str], clause: sa.ColumnElement[bool]) -> dict[str, tuple[str, bool]]:
    """Which of the groups exist and meet a condition: the project of each, and whether it is stateful.

    They stay, and stay so, until the transaction ends.
    """
    query = sa.select(_g.id, _g.project_id, _g.stateful).where(_g.id.in_(list(ids)), clause)
    return {row[0]: (row[1], row[2]) for row in tx.conn.execute(query.with_for_update(read=True, key_share=True))}


def in_use(tx: Tx, group_id: str) -> bool:
    query = sa.select(_p.port_id).where(_p.security_group_id == group_id).limit(1)
    return tx.conn.execute(query).first() is not None


def rules_naming(tx: Tx, group_id: str) -> list[SecurityGroupRule]:
    """The rules of other groups that name a group as their remote."""
    return RULES.find(tx, _r.remote_group_id == group_id)


def rules_of(tx: Tx, group_ids: Iterable[str]) -> list[SecurityGroupRule]:
    return RULES.find(tx, _r.security_group_id.in_(list(group_ids)))


def drop_rules(tx: Tx, group_id: str) -> None:
    """Delete the rules of a group."""
    tx.conn.execute(sa.delete(t.security_group_rules).where(_r.security_group_id == group_id))


def remotes_of(tx: Tx, group_ids: Sequence[str]) -> set[str]:
    """The security groups and the address groups that the rules of these groups name."""
    return {id for row in _REMOTES_OF.rows(tx.conn, group_ids) for id in row if id is not None}


def alike(tx: Tx, rule: SecurityGroupRule) -> list[SecurityGroupRule]:
    """The rules of the same group that say the same, but for the protocol."""
    cidr = _r.normalized_cidr == rule.normalized_cidr
    if rule.normalized_cidr is None or rule.normalized_cidr in _EVERYBODY:
        cidr = sa.or_(_r.normalized_cidr.is_(None), _r.normalized_cidr.in_(_EVERYBODY))
    same = ("security_group_id", "direction", "ethertype", "port_range_min", "port_range_max", *_REMOTES)
    return RULES.find(tx, cidr, *(equals(_r[name], (getattr(rule, name),)) for name in same))


def touch(tx: Tx, group_id: str, now: str) -> bool:
    """Count a change of a group's rules.  Returns whether there is the group, which is locked then."""
    values = {"revision_number": _g.revision_number + 1, "updated_at": now}
    return tx.conn.execute(sa.update(t.security_groups).where(_g.id == group_id).values(**values)).rowcount > 0
