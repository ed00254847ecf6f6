"""QoS policies and their rules; and whether something may use a policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from heddle.control import claims, qos_conflicts, rbac, sharing
from heddle.control.context import Context, new_id
from heddle.control.lookup import need, not_found
from heddle.control.news import policy_news
from heddle.errors import Conflict, Forbidden
from heddle.model.access import QOS_POLICY_SHARED
from heddle.model.qos import QosPolicy, QosRule
from heddle.model.resource import Draft
from heddle.store.query import qos as q

Rule = TypeVar("Rule", bound=QosRule)


def create_policies(ctx: Context, drafts: Sequence[Draft[QosPolicy]]) -> list[QosPolicy]:
    """Raises `Conflict` (QoSPolicyDefaultAlreadyExists)."""
    created = []
    for draft in drafts:
        policy = ctx.made(draft.value)
        if policy.is_default:
            _make_default(ctx, policy)
        q.POLICIES.insert(ctx.tx, [policy])
        if policy.shared:
            sharing.open_to_all(ctx, QOS_POLICY_SHARED, policy)
        policy_news(ctx.tx, policy.id)
        created.append(policy)
    return created


def update_policy(ctx: Context, old: QosPolicy, draft: Draft[QosPolicy]) -> QosPolicy:
    """Raises `Conflict` for a second default, and when it is no longer shared while it is used."""
    new = ctx.changed(old, draft.value)
    if new.is_default and not old.is_default:
        _make_default(ctx, new)
    elif old.is_default and not new.is_default:
        q.drop_default(ctx.tx, old.id)
    if "shared" in draft.given:
        _set_shared(ctx, old, new.shared)
    q.POLICIES.update(ctx.tx, old, new)
    return new if "shared" not in draft.given else q.POLICIES.get(ctx.tx, new.id) or new


def _set_shared(ctx: Context, policy: QosPolicy, wanted: bool) -> None:
    """Let everybody use a policy, or only whom other entries let.  Raises `Conflict` (RbacPolicyInUse)."""
    entry = sharing.entry_for_all(ctx, QOS_POLICY_SHARED, policy)
    if entry is None and wanted:
        sharing.open_to_all(ctx, QOS_POLICY_SHARED, policy)
    elif entry is not None and not wanted:
        if projects := sharing.losing(ctx, policy, entry):
            raise rbac.in_use(policy, projects)
        sharing.remove(ctx, [entry])


def delete_policy(ctx: Context, policy: QosPolicy) -> None:
    """Delete a policy with its rules.  Raises `Conflict` (QosPolicyInUse)."""
    if policy.is_default:
        q.drop_default(ctx.tx, policy.id)
    user = q.user_of(ctx.tx, policy.id)
    if user is not None:
        raise Conflict("QosPolicyInUse", f"QoS Policy {policy.id} is used by {user[0]} {user[1]}.")
    sharing.object_gone(ctx, policy)
    q.delete_rules(ctx.tx, policy.id)
    q.POLICIES.delete(ctx.tx, policy.id)
    policy_news(ctx.tx, policy.id, gone=True)


def _make_default(ctx: Context, policy: QosPolicy) -> None:
    if q.default_of(ctx.tx, policy.project_id) is not None:
        raise Conflict(
            "QoSPolicyDefaultAlreadyExists", f"A default QoS policy exists for project {policy.project_id}."
        )
    q.set_default(ctx.tx, policy.project_id, policy.id)


# Rules


def create_rules(ctx: Context, drafts: Sequence[Draft[Rule]]) -> list[Rule]:
    """Raises `NotFound`, `Conflict` (QoSRulesConflict, QoSRuleParameterConflict)."""
    created = []
    for draft in drafts:
        policy = _lock(ctx, draft.value.qos_policy_id)
        rule = msgspec.structs.replace(draft.value, id=new_id(), project_id=policy.project_id)
        qos_conflicts.check(rule, q.rules_of(ctx.tx, [policy.id])[policy.id])
        q.RULES[type(rule)].insert(ctx.tx, [rule])
        claims.rule_changed(ctx, rule)
        _bump(ctx, policy)
        created.append(rule)
    return created


def update_rule(ctx: Context, old: Rule, draft: Draft[Rule]) -> Rule:
    """Raises `Conflict` like `create_rules`."""
    policy = _lock(ctx, old.qos_policy_id)
    qos_conflicts.check(draft.value, q.rules_of(ctx.tx, [policy.id])[policy.id])
    if q.RULES[type(old)].update(ctx.tx, old, draft.value):
        claims.rule_changed(ctx, draft.value)
        _bump(ctx, policy)
    return draft.value


def delete_rule(ctx: Context, rule: QosRule) -> None:
    policy = _lock(ctx, rule.qos_policy_id)
    q.RULES[type(rule)].delete(ctx.tx, rule.id)
    claims.rule_changed(ctx, rule, gone=True)
    _bump(ctx, policy)


def _lock(ctx: Context, policy_id: str) -> QosPolicy:
    """The policy, of which no other transaction changes the rules meanwhile.  Raises `NotFound`."""
    policy = q.POLICIES.lock(ctx.tx, policy_id)
    if policy is None:
        raise not_found(QosPolicy, policy_id)
    return policy


def _bump(ctx: Context, policy: QosPolicy) -> None:
    new = ctx.changed(policy)
    q.POLICIES.update(ctx.tx, policy, new)
    policy_news(ctx.tx, policy.id)


# Use of policies


def check_policy_change(ctx: Context, old: str | None, new: str | None) -> None:
    """Whether the caller may replace the policy that an object has (None: it has none).

    Raises `NotFound` for a new policy that they do not see, `Forbidden` when they do not see the old one: it was
    imposed on them.
    """
    if new == old:
        return
    if old and q.POLICIES.get(ctx.tx, old, ctx.visible(QosPolicy), bare=True) is None:
        raise Forbidden(
            "PolicyRemoveAuthorizationError",
            f"Failed to remove provided policy {old} because you are not authorized.",
        )
    if new:
        need(ctx, q.POLICIES, new, bare=True, hold=True)
