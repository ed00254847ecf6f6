"""QoS policies with their rules, who uses a policy, and the default policy of each project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from heddle.model import qos
from heddle.model.qos import QosPolicy, QosRule
from heddle.model.resource import fields_of
from heddle.store import tables as t
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.prepared import Prepared
from heddle.store.query.records import Parent, Records
from heddle.store.query.tags import tag_filters

_d = t.default_qos_policies.c

TABLES: dict[type[QosRule], sa.Table] = {
    qos.BandwidthLimitRule: t.qos_bandwidth_limit_rules,
    qos.DscpMarkingRule: t.qos_dscp_marking_rules,
    qos.MinimumBandwidthRule: t.qos_minimum_bandwidth_rules,
    qos.PacketRateLimitRule: t.qos_packet_rate_limit_rules,
    qos.MinimumPacketRateRule: t.qos_minimum_packet_rate_rules,
}
# Everything that can have a policy, by the name that errors give it.
USERS = (("network", t.networks), ("port", t.ports), ("floatingip", t.floating_ips), ("router", t.routers))


def _own_names(model: type[QosRule]) -> list[str]:
    return [name for name, field in fields_of(model).items() if field.stored]


def _every_column() -> dict[str, sa.Column[Any]]:
    return {column.name: column for table in TABLES.values() for column in table.columns}


_COLUMNS = _every_column()


def _rules_in(model: type[QosRule]) -> sa.Select[Any]:
    """The rules of one type as rows that fit those of the others: columns that it lacks are null."""
    table = TABLES[model]
    columns = [
        table.c[name] if name in table.c else sa.cast(sa.null(), column.type).label(name)
        for name, column in _COLUMNS.items()
    ]
    return sa.select(sa.literal(model.kind).label("kind"), *columns).where(one_of(table.c.qos_policy_id, "policies"))


_RULES = {types: sa.union_all(*map(_rules_in, types)) for types in (qos.RULE_TYPES, qos.MINIMA)}
_BY_KIND = {model.kind: model for model in qos.RULE_TYPES}
_PLACE = {model.kind: place for place, model in enumerate(qos.RULE_TYPES)}


def rules_of(
    tx: Tx, policy_ids: Iterable[str], types: tuple[type[QosRule], ...] = qos.RULE_TYPES
) -> dict[str, list[QosRule]]:
    """The rules of these types (all of them, or `MINIMA`) by policy, in one order."""
    ids = list(dict.fromkeys(policy_ids))
    found: dict[str, list[QosRule]] = {id: [] for id in ids}
    for row in tx.conn.execute(_RULES[types], {"policies": ids}).mappings() if ids else ():
        model = _BY_KIND[row["kind"]]
        found[row["qos_policy_id"]].append(model(**{name: row[name] for name in _own_names(model)}))
    for rules in found.values():
        rules.sort(key=lambda rule: (_PLACE[rule.kind], rule.id))
    return found


def _load(tx: Tx, policies: Sequence[QosPolicy]) -> None:
    rules = rules_of(tx, [policy.id for policy in policies])
    for policy in policies:
        policy.rules = [rule.shown() for rule in rules[policy.id]]


POLICIES: Records[QosPolicy] = Records(QosPolicy, t.qos_policies, load=_load, filters=dict(tag_filters(t.qos_policies)))


def _records(model: type[QosRule], table: sa.Table) -> Records[Any]:
    return Records(model, table, parents={"policy": Parent("qos_policy_id", t.qos_policies)})


RULES: dict[type[QosRule], Records[Any]] = {
    each: _records(each, table)
    for model, table in TABLES.items()
    for each in (model, *qos.ALIASES)
    if issubclass(each, model)
}


def delete_rules(tx: Tx, policy_id: str) -> None:
    for table in TABLES.values():
        tx.conn.execute(sa.delete(table).where(table.c.qos_policy_id == policy_id))


# Who uses a policy


def user_of(tx: Tx, policy_id: str) -> tuple[str, str] | None:
    """The kind and the id of something that uses a policy."""
    uses = [
        sa.select(sa.literal(kind).label("kind"), table.c.id).where(table.c.qos_policy_id == policy_id)
        for kind, table in USERS
    ]
    row = tx.conn.execute(sa.union_all(*uses).limit(1)).first()
    return None if row is None else (row[0], row[1])


def projects_using(tx: Tx, policy_id: str) -> set[str]:
    """The projects whose objects use a policy."""
    uses = [sa.select(table.c.project_id).where(table.c.qos_policy_id == policy_id) for _, table in USERS]
    return {row[0] for row in tx.conn.execute(sa.union(*uses))}


def _of_host() -> sa.Select[Any]:
    """Those of a host's ports and their networks, and of the routers that it serves and their floating IPs."""
    p, n, r, f, a = t.ports.c, t.networks.c, t.routers.c, t.floating_ips.c, t.assignments.c
    here, served = p.binding_host_id == sa.bindparam("host"), a.host == sa.bindparam("host")
    uses = (
        sa.select(p.qos_policy_id).where(here, p.qos_policy_id.is_not(None)),
        sa.select(n.qos_policy_id).join(t.ports, p.network_id == n.id).where(here, n.qos_policy_id.is_not(None)),
        *(
            sa.select(each.qos_policy_id)
            .join(t.assignments, a.object_id == router_id)  # the role would lead SQLite past the index of hosts
            .where(served, each.qos_policy_id.is_not(None))
            for each, router_id in ((r, r.id), (f, f.router_id))
        ),
    )
    return sa.select(sa.union(*uses).subquery().c.qos_policy_id)


_OF_HOST = Prepared(_of_host())


def policies_of_host(tx: Tx, host: str) -> list[str]:
    """The policies that a host applies."""
    return [row[0] for row in _OF_HOST.rows(tx.conn, {"host": host})]


# Defaults

_DEFAULT = (
    sa.select(_d.qos_policy_id)
    .where(_d.project_id == sa.bindparam("project"))
    .with_for_update(read=True, key_share=True)
)


def default_of(tx: Tx, project_id: str) -> str | None:
    """The policy that new networks of a project get; it stays so until the transaction ends."""
    found = tx.conn.execute(_DEFAULT, {"project": project_id}).scalar_one_or_none()
    return None if found is None else str(found)


def set_default(tx: Tx, project_id: str, policy_id: str) -> None:
    row = {"project_id": project_id, "qos_policy_id": policy_id}
    tx.conn.execute(sa.insert(t.default_qos_policies), [row])


def drop_default(tx: Tx, policy_id: str) -> None:
    tx.conn.execute(sa.delete(t.default_qos_policies).where(_d.qos_policy_id == policy_id))
