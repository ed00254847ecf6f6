"""Logs of packets: what is to be written down, for a security group, a port, or all of a project."""

from __future__ import annotations

from collections.abc import Sequence

from heddle.control.context import Context
from heddle.control.lookup import not_found
from heddle.errors import BadRequest, Conflict, NotFound
from heddle.model.log import RESOURCE_TYPES, Log
from heddle.model.resource import Draft
from heddle.model.security_group import SecurityGroup
from heddle.store.engine import Tx
from heddle.store.query import logs as q
from heddle.store.query import ports as port_query
from heddle.store.query import security_groups as group_query
from heddle.view.types import CLOUD, group_scope, network_scope


def create_logs(ctx: Context, drafts: Sequence[Draft[Log]]) -> list[Log]:
    """Raises `BadRequest` for what cannot be logged, `NotFound`, `Conflict` for a port without the group."""
    created = []
    for draft in drafts:
        log = ctx.made(draft.value)
        _check(ctx, log)
        q.LOGS.insert(ctx.tx, [log])
        _news(ctx.tx, log)
        created.append(log)
    return created


def update_log(ctx: Context, old: Log, draft: Draft[Log]) -> Log:
    new = ctx.changed(old, draft.value)
    q.LOGS.update(ctx.tx, old, new)
    if new.enabled != old.enabled:
        _news(ctx.tx, new)
    return new


def delete_log(ctx: Context, log: Log) -> None:
    q.LOGS.delete(ctx.tx, log.id)
    _news(ctx.tx, log, gone=True)


def port_gone(ctx: Context, port_id: str) -> None:
    """The logs of a port go with it."""
    for log in q.of_port(ctx.tx, port_id):
        delete_log(ctx, log)


def group_gone(ctx: Context, group_id: str) -> None:
    """The logs of a security group go with it."""
    for log in q.of_group(ctx.tx, group_id):
        delete_log(ctx, log)


def _news(tx: Tx, log: Log, *, gone: bool = False) -> None:
    """Tell the hosts that may have ports which a log concerns; one that is not enabled is none for them."""
    scope = {_scope(tx, log)}
    tx.change("log", log.id, () if gone or not log.enabled else scope, scope if gone or not log.enabled else ())


def _scope(tx: Tx, log: Log) -> str:
    if log.target_id:
        port = port_query.PORTS.get(tx, log.target_id, bare=True)
        if port is not None:
            return network_scope(port.network_id)
    return group_scope(log.resource_id) if log.resource_id else CLOUD


def _check(ctx: Context, log: Log) -> None:
    if log.resource_type not in RESOURCE_TYPES:
        raise BadRequest(
            "InvalidLogResourceType",
            f"Invalid log resource_type: {log.resource_type}. There are: {', '.join(RESOURCE_TYPES)}.",
        )
    if log.resource_id:
        seen = group_query.GROUPS.clause(ctx.visible(SecurityGroup))
        if not group_query.existing(ctx.tx, [log.resource_id], seen):
            raise not_found(SecurityGroup, log.resource_id)
    if not log.target_id:
        return
    port = port_query.PORTS.get(ctx.tx, log.target_id)
    if port is None:
        raise NotFound("TargetResourceNotFound", f"Target resource {log.target_id} could not be found.")
    if not port.security_groups:
        raise Conflict(
            "PortNoSecurityGroup",
            f"Port {port.id} has no security group, so nothing of it can be logged.",
        )
    if log.resource_id and log.resource_id not in port.security_groups:
        raise Conflict(
            "InvalidResourceConstraint",
            f"Invalid resource constraint between resource (security_group, {log.resource_id}) and target {port.id}: "
            "the port does not have the group.",
        )
