"""Metering labels and their rules, of which the administrator says what is counted."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import msgspec

from heddle.control import floating_places
from heddle.control.context import Context, new_id
from heddle.control.lookup import need
from heddle.control.news import metering_news
from heddle.errors import BadRequest, Conflict
from heddle.model.metering import MeteringLabel, MeteringLabelRule
from heddle.model.resource import Draft
from heddle.store.query import metering as q

_SIDES = ("source_ip_prefix", "destination_ip_prefix")


def create_labels(ctx: Context, drafts: Sequence[Draft[MeteringLabel]]) -> list[MeteringLabel]:
    created = [msgspec.structs.replace(draft.value, id=new_id()) for draft in drafts]
    q.LABELS.insert(ctx.tx, created)
    for label in created:
        metering_news(ctx.tx, label)
        floating_places.of_project(ctx, "" if label.shared else label.project_id)
    return created


def delete_label(ctx: Context, label: MeteringLabel) -> None:
    """Delete a label with its rules and what it has counted."""
    q.drop_rules(ctx.tx, label.id)
    q.drop_counted(ctx.tx, label.id)
    q.LABELS.delete(ctx.tx, label.id)
    metering_news(ctx.tx, label, gone=True)
    floating_places.of_project(ctx, "" if label.shared else label.project_id)


def create_rules(ctx: Context, drafts: Sequence[Draft[MeteringLabelRule]]) -> list[MeteringLabelRule]:
    """Raises `BadRequest`, `NotFound` for the label, `Conflict` for a rule that overlaps another of its kind."""
    created = []
    for draft in drafts:
        rule = msgspec.structs.replace(draft.value, id=new_id())
        label = need(ctx, q.LABELS, rule.metering_label_id, lock=True)
        _check_prefixes(rule)
        _check_overlap(ctx, rule)
        q.RULES.insert(ctx.tx, [rule])
        metering_news(ctx.tx, label)
        created.append(rule)
    return created


def delete_rule(ctx: Context, rule: MeteringLabelRule) -> None:
    label = q.LABELS.lock(ctx.tx, rule.metering_label_id)
    q.RULES.delete(ctx.tx, rule.id)
    if label is not None:
        metering_news(ctx.tx, label)


def _check_prefixes(rule: MeteringLabelRule) -> None:
    sides = [name for name in _SIDES if getattr(rule, name)]
    if rule.remote_ip_prefix and sides:
        raise BadRequest(
            "Invalid",
            "Cannot use 'remote-ip-prefix' in conjunction with 'source-ip-prefix' or 'destination-ip-prefix'.",
        )
    if not rule.remote_ip_prefix and not sides:
        raise BadRequest(
            "Invalid",
            "You must define at least one of the following parameters 'remote_ip_prefix', or 'source_ip_prefix' or "
            "'destination_ip_prefix'.",
        )


def _check_overlap(ctx: Context, rule: MeteringLabelRule) -> None:
    if not rule.remote_ip_prefix:
        return
    block = ipaddress.ip_interface(rule.remote_ip_prefix).network
    for other in q.alike(ctx.tx, rule):
        known = ipaddress.ip_interface(other.remote_ip_prefix).network if other.remote_ip_prefix else None
        if known is not None and known.version == block.version and known.overlaps(block):
            raise Conflict(
                "MeteringLabelRuleOverlaps",
                f"Metering label rule with remote_ip_prefix '{rule.remote_ip_prefix}' overlaps another.",
            )
