"""Security groups: what may reach a port.  Each project has a default group, made when it is first needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from heddle.control import logs, quotas, sharing
from heddle.control import security_group_defaults as defaults
from heddle.control import security_group_rules as rules
from heddle.control.context import Context
from heddle.control.lookup import need, not_found, waited
from heddle.control.news import group_news
from heddle.errors import Conflict, NotFound
from heddle.model import predicate
from heddle.model.resource import Draft
from heddle.model.security_group import SecurityGroup, SecurityGroupRule
from heddle.store.query import security_groups as q
from heddle.store.query.address_groups import ADDRESS_GROUPS

DEFAULT = "default"
# So many new rules are looked for one by one; for more, all rules of their groups are read.
_FEW = 3


def ensure_default(ctx: Context, project_id: str) -> str:
    """The id of the project's default group, which is made if there is none, whatever the project's quotas."""
    if not project_id:
        return ""
    found = q.default_of(ctx.tx, project_id)
    if found is not None:
        return found
    value = SecurityGroup(project_id=project_id, name=DEFAULT, description="Default security group", is_default=True)
    value.stateful = defaults.stateful(ctx, project_id)
    group = _new_group(ctx, value)
    q.set_default(ctx.tx, project_id, group.id)
    return group.id


def create_groups(ctx: Context, drafts: Sequence[Draft[SecurityGroup]]) -> list[SecurityGroup]:
    """Raises `Conflict` (OverQuota, the reserved name)."""
    created = []
    for draft in drafts:
        ensure_default(ctx, draft.value.project_id)
        if draft.value.name.lower() == DEFAULT:
            raise Conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
        if "stateful" not in draft.given:
            draft.value.stateful = defaults.stateful(ctx, draft.value.project_id)
        created.append(_new_group(ctx, draft.value))
    return created


def _new_group(ctx: Context, value: SecurityGroup) -> SecurityGroup:
    count = quotas.note if value.is_default else quotas.take
    count(ctx, value.project_id, "security_group", 1)
    group = ctx.made(value)
    group.security_group_rules = sorted(defaults.rules_for(ctx, group), key=lambda rule: rule.id)
    count(ctx, group.project_id, "security_group_rule", len(group.security_group_rules))
    q.GROUPS.insert(ctx.tx, [group])
    q.RULES.insert(ctx.tx, group.security_group_rules)
    group_news(ctx.tx, group.id)
    return group


def update_group(ctx: Context, old: SecurityGroup, draft: Draft[SecurityGroup]) -> SecurityGroup:
    """Raises `Conflict` for a new name of the default group, or `stateful` of one that ports use."""
    new = msgspec.structs.replace(draft.value, revision_number=old.revision_number + 1, updated_at=ctx.now)
    if old.is_default and new.name != old.name:
        raise Conflict("SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.")
    if not old.is_default and new.name != old.name and new.name.lower() == DEFAULT:
        raise Conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
    if new.stateful != old.stateful and q.in_use(ctx.tx, old.id):
        raise Conflict("SecurityGroupInUse", f"Security Group {old.id} in use.")
    q.GROUPS.update(ctx.tx, old, new)
    if new.stateful != old.stateful:
        group_news(ctx.tx, new.id)
    return new


def delete_group(ctx: Context, group: SecurityGroup) -> None:
    """Raises `Conflict` for a group in use, and for the default one unless the administrator asks."""
    if group.is_default and not ctx.caller.is_admin:
        raise Conflict("SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
    if q.in_use(ctx.tx, group.id):
        raise Conflict("SecurityGroupInUse", f"Security Group {group.id} in use.")
    defaults.group_gone(ctx, group)
    for rule in q.rules_naming(ctx.tx, group.id):
        if rule.security_group_id != group.id:
            delete_rule(ctx, rule)
    q.drop_rules(ctx.tx, group.id)
    for project_id, count in Counter(rule.project_id for rule in group.security_group_rules).items():
        quotas.give_back(ctx, project_id, "security_group_rule", count)
    sharing.object_gone(ctx, group)
    q.GROUPS.delete(ctx.tx, group.id)
    logs.group_gone(ctx, group.id)
    if group.is_default:
        q.drop_default(ctx.tx, group.project_id)
    quotas.give_back(ctx, group.project_id, "security_group")
    group_news(ctx.tx, group.id, gone=True)


def check_usable(ctx: Context, group_ids: Sequence[str], had: Sequence[str] = ()) -> None:
    """Whether a port may have these groups, of which it `had` some before.

    Raises `NotFound`; `Conflict` where some are stateful and others are not.
    """
    if not set(group_ids) - set(had):
        return
    seen = ctx.visible(SecurityGroup)
    usable = q.GROUPS.clause(predicate.Any((seen, predicate.In("id", tuple(had)))))
    found = q.existing(ctx.tx, group_ids, usable)
    if waited(ctx, seen) and {project for project, _ in found.values()} - {ctx.caller.project_id}:
        found = q.existing(ctx.tx, group_ids, usable)
    for group_id in group_ids:
        if group_id not in found:
            raise not_found(SecurityGroup, group_id)
    if len({stateful for _, stateful in found.values()}) > 1:
        raise Conflict(
            "SecurityGroupConflict",
            "Error cannot apply both stateful and stateless security groups on the same port while attempting the "
            "operation.",
        )


def create_rules(ctx: Context, drafts: Sequence[Draft[SecurityGroupRule]]) -> list[SecurityGroupRule]:
    """Raises `BadRequest`, `NotFound`, `Conflict` (OverQuota, a rule that exists)."""
    ids = dict.fromkeys(draft.value.security_group_id for draft in drafts)
    groups = {id: need(ctx, q.GROUPS, id, bare=True) for id in ids}
    created = [
        ctx.made(
            rules.checked(draft.value),
            normalized_cidr=rules.normal_cidr(draft.value),
            belongs_to_default_sg=groups[draft.value.security_group_id].is_default,
        )
        for draft in drafts
    ]
    _check_remotes(ctx, created)
    for id in sorted(groups):
        _bump(ctx, id)
    _check_new(ctx, created)
    for project_id, count in Counter(rule.project_id for rule in created).items():
        quotas.take(ctx, project_id, "security_group_rule", count)
    q.RULES.insert(ctx.tx, created)
    return created


def _check_new(ctx: Context, created: Sequence[SecurityGroupRule]) -> None:
    """Whether each rule says what no other of its group says.  Raises `Conflict`."""
    if len(created) <= _FEW:
        others = [other for rule in created for other in q.alike(ctx.tx, rule)]
    else:
        others = q.rules_of(ctx.tx, {rule.security_group_id for rule in created})
    there = {(other.security_group_id, rules.meaning(other)): other.id for other in others}
    new = set()
    for rule in created:
        said = (rule.security_group_id, rules.meaning(rule))
        if said in there:
            raise Conflict("SecurityGroupRuleExists", f"Security group rule already exists. Rule id is {there[said]}.")
        if said in new:
            raise Conflict("DuplicateSecurityGroupRuleInPost", "Duplicate Security Group Rule in POST.")
        new.add(said)


def delete_rule(ctx: Context, rule: SecurityGroupRule) -> None:
    q.RULES.delete(ctx.tx, rule.id)
    quotas.give_back(ctx, rule.project_id, "security_group_rule")
    _bump(ctx, rule.security_group_id)


def _bump(ctx: Context, group_id: str) -> None:
    """A group has other rules; no other transaction changes them until this one ends."""
    if not q.touch(ctx.tx, group_id, ctx.now):
        raise not_found(SecurityGroup, group_id)
    group_news(ctx.tx, group_id)


def _check_remotes(ctx: Context, created: Sequence[SecurityGroupRule]) -> None:
    for id in {rule.remote_address_group_id for rule in created if rule.remote_address_group_id}:
        need(ctx, ADDRESS_GROUPS, id, hold=True, bare=True)
    named = {rule.remote_group_id for rule in created if rule.remote_group_id}
    found = q.existing(ctx.tx, named, q.GROUPS.clause(ctx.visible(SecurityGroup))) if named else {}
    for id in sorted(named - set(found)):
        raise NotFound("SecurityGroupNotFound", f"Security group {id} does not exist")
