"""What new security groups begin with: rules made from templates, and whether they are stateful.

The administrator makes the templates, a project's manager its own setting.  Groups that exist stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heddle.control.context import Context, new_id
from heddle.control.lookup import need
from heddle.control.security_group_rules import checked, meaning, normal_cidr
from heddle.errors import Conflict, NotFound
from heddle.model.resource import Draft
from heddle.model.security_group import SecurityGroup, SecurityGroupRule
from heddle.model.security_group_defaults import PARENT, DefaultSecurityGroupRule, DefaultStatefulness
from heddle.store.query import security_group_defaults as q
from heddle.store.query import security_groups as groups
from heddle.store.query.address_groups import ADDRESS_GROUPS

_COPIED = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_address_group_id",
)


def rules_for(ctx: Context, group: SecurityGroup) -> list[SecurityGroupRule]:
    """The rules that a new group begins with."""
    made = []
    for template in q.used(ctx.tx, in_default=group.is_default):
        rule = SecurityGroupRule(
            project_id=group.project_id,
            security_group_id=group.id,
            remote_group_id=group.id if template.remote_group_id == PARENT else template.remote_group_id,
            normalized_cidr=normal_cidr(template),
            belongs_to_default_sg=group.is_default,
            **{name: getattr(template, name) for name in _COPIED},
        )
        made.append(ctx.made(rule))
    return made


def create_templates(ctx: Context, drafts: Sequence[Draft[DefaultSecurityGroupRule]]) -> list[DefaultSecurityGroupRule]:
    """Raises `BadRequest`, `NotFound` for a remote group, `Conflict` where another says the same to the same groups."""
    created: list[DefaultSecurityGroupRule] = []
    for draft in drafts:
        template = msgspec.structs.replace(checked(draft.value), id=new_id())
        remote = template.remote_group_id
        if remote and remote != PARENT and groups.GROUPS.get(ctx.tx, remote, bare=True, hold=True) is None:
            raise NotFound("SecurityGroupNotFound", f"Security group {remote} does not exist")
        if template.remote_address_group_id:
            need(ctx, ADDRESS_GROUPS, template.remote_address_group_id, hold=True, bare=True)
        said = " ".join(map(str, meaning(template)))
        template.default_key = said if template.used_in_default_sg else None
        template.custom_key = said if template.used_in_non_default_sg else None
        other = q.alike(ctx.tx, template)
        if other in [each.id for each in created]:
            raise Conflict("DuplicateDefaultSgRuleInPost", "Duplicate Default Security Group Rule in POST.")
        if other is not None:
            raise Conflict(
                "DefaultSecurityGroupRuleExists",
                f"Default Security group rule already exists. Rule id is {other}.",
            )
        q.TEMPLATES.insert(ctx.tx, [template])
        created.append(template)
    return created


def delete_template(ctx: Context, template: DefaultSecurityGroupRule) -> None:
    q.TEMPLATES.delete(ctx.tx, template.id)


def group_gone(ctx: Context, group: SecurityGroup) -> None:
    """Templates that name a group go with it, as rules do."""
    q.drop_naming(ctx.tx, group.id)


# Whether new groups are stateful


def stateful(ctx: Context, project_id: str) -> bool:
    """Whether a new group of a project is stateful where nobody says so: the project's setting, or that for all."""
    found = q.settings(ctx.tx, project_id)
    return found.get(project_id, found.get("", True))


def create_settings(ctx: Context, drafts: Sequence[Draft[DefaultStatefulness]]) -> list[DefaultStatefulness]:
    """Raises `Conflict` where there is one already."""
    created = []
    for draft in drafts:
        place = draft.value.project_id or ""
        if place in q.settings(ctx.tx, place):
            raise Conflict(
                "SecurityGroupDefaultStatefulnessAlreadyExists",
                f"A security group default statefulness setting already exists for project '{place or 'system-wide'}'.",
            )
        setting = msgspec.structs.replace(draft.value, id=new_id(), project_id=place or None, place=place)
        q.STATEFULNESS.insert(ctx.tx, [setting])
        created.append(setting)
    return created


def update_setting(ctx: Context, old: DefaultStatefulness, draft: Draft[DefaultStatefulness]) -> DefaultStatefulness:
    q.STATEFULNESS.update(ctx.tx, old, draft.value)
    return draft.value


def delete_setting(ctx: Context, setting: DefaultStatefulness) -> None:
    q.STATEFULNESS.delete(ctx.tx, setting.id)
