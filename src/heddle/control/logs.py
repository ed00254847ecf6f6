"""Logs of packets: what is to be written down, for a security group, a port, or all of a project."""

from __future__ import annotations

from collections.abc import Sequence

from heddle.control.context import Context
from heddle.control.lookup import not_found
from heddle.errors import BadRequest, Conflict, NotFound
from heddle.model.log import RESOURCE_TYPES, Log
from heddle.model.resource import Draft
from heddle.model.security_group import SecurityGroup
from heddle.store.query import logs as q
from heddle.store.query import ports as port_query
from heddle.store.query import security_groups as group_query


def create_logs(ctx: Context, drafts: Sequence[Draft[Log]]) -> list[Log]:
    """Raises `BadRequest` for what cannot be logged, `NotFound`, `Conflict` for a port without the group."""
    created = []
    for draft in drafts:
        log = ctx.made(draft.value)
        _check(ctx, log)
        q.LOGS.insert(ctx.tx, [log])
        created.append(log)
    return created


def update_log(ctx: Context, old: Log, draft: Draft[Log]) -> Log:
    new = ctx.changed(old, draft.value)
    q.LOGS.update(ctx.tx, old, new)
    return new


def delete_log(ctx: Context, log: Log) -> None:
    q.LOGS.delete(ctx.tx, log.id)


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
