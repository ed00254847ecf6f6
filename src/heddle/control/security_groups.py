"""Security groups: what may reach a port.  Each project has a default group, made when it is first needed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from heddle.control import quotas, sharing
from heddle.control.context import Context, new_id
from heddle.control.lookup import not_found, waited
from heddle.control.news import group_news
from heddle.errors import BadRequest, Conflict, NotFound
from heddle.model.resource import Draft
from heddle.model.security_group import SecurityGroup, SecurityGroupRule
from heddle.store.query import logs
from heddle.store.query import security_groups as q

DEFAULT = "default"


def ensure_default(ctx: Context, project_id: str) -> str:
    """The id of the project's default group, which is made if there is none."""
    if not project_id:
        return ""
    found = q.default_of(ctx.tx, project_id)
    if found is not None:
        return found
    group = _new_group(
        ctx, SecurityGroup(project_id=project_id, name=DEFAULT, description="Default security group", is_default=True)
    )
    q.set_default(ctx.tx, project_id, group.id)
    return group.id


def create_groups(ctx: Context, drafts: Sequence[Draft[SecurityGroup]]) -> list[SecurityGroup]:
    """Raises `Conflict` (OverQuota, the reserved name)."""
    created = []
    for draft in drafts:
        ensure_default(ctx, draft.value.project_id)
        if draft.value.name.lower() == DEFAULT:
            raise Conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
        created.append(_new_group(ctx, draft.value))
    return created


def _new_group(ctx: Context, value: SecurityGroup) -> SecurityGroup:
    quotas.take(ctx, value.project_id, "security_group")
    group = msgspec.structs.replace(value, id=new_id(), revision_number=1, created_at=ctx.now, updated_at=ctx.now)
    wanted: list[tuple[str, str, str | None]] = [("egress", "IPv4", None), ("egress", "IPv6", None)]
    if group.is_default:
        wanted += [("ingress", "IPv4", group.id), ("ingress", "IPv6", group.id)]
    group.security_group_rules = [
        SecurityGroupRule(
            id=new_id(),
            project_id=group.project_id,
            security_group_id=group.id,
            direction=direction,
            ethertype=ethertype,
            remote_group_id=remote,
            belongs_to_default_sg=group.is_default,
            revision_number=1,
            created_at=ctx.now,
            updated_at=ctx.now,
        )
        for direction, ethertype, remote in wanted
    ]
    group.security_group_rules.sort(key=lambda rule: rule.id)
    quotas.take(ctx, group.project_id, "security_group_rule", len(wanted))
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
    for rule in q.rules_naming(ctx.tx, group.id):
        if rule.security_group_id != group.id:
            delete_rule(ctx, rule)
    for rule in group.security_group_rules:
        q.RULES.delete(ctx.tx, rule.id)
        quotas.give_back(ctx, rule.project_id, "security_group_rule")
    sharing.object_gone(ctx, group)
    q.GROUPS.delete(ctx.tx, group.id)
    logs.drop_of_group(ctx.tx, group.id)
    if group.is_default:
        q.drop_default(ctx.tx, group.project_id)
    quotas.give_back(ctx, group.project_id, "security_group")
    group_news(ctx.tx, group.id, gone=True)


def check_usable(ctx: Context, group_ids: Sequence[str]) -> None:
    """Whether a port may have these groups.  Raises `NotFound`."""
    if not group_ids:
        return
    seen = ctx.visible(SecurityGroup)
    found = q.existing(ctx.tx, group_ids, q.GROUPS.clause(seen))
    if waited(ctx, seen) and set(found.values()) - {ctx.caller.project_id}:
        found = q.existing(ctx.tx, group_ids, q.GROUPS.clause(seen))
    for group_id in group_ids:
        if group_id not in found:
            raise not_found(SecurityGroup, group_id)


def create_rules(ctx: Context, drafts: Sequence[Draft[SecurityGroupRule]]) -> list[SecurityGroupRule]:
    """Raises `BadRequest`, `NotFound`, `Conflict` (OverQuota, a rule that exists)."""
    created = []
    for draft in drafts:
        group = q.GROUPS.get(ctx.tx, draft.value.security_group_id, ctx.visible(SecurityGroup))
        if group is None:
            raise not_found(SecurityGroup, draft.value.security_group_id)
        rule = msgspec.structs.replace(
            draft.value,
            id=new_id(),
            revision_number=1,
            created_at=ctx.now,
            updated_at=ctx.now,
            normalized_cidr=draft.value.remote_ip_prefix,
            belongs_to_default_sg=group.is_default,
        )
        _check_rule(ctx, rule)
        for other in group.security_group_rules:
            if _same(rule, other):
                raise Conflict("SecurityGroupRuleExists", f"Security group rule already exists. Rule id is {other.id}.")
        quotas.take(ctx, rule.project_id, "security_group_rule")
        q.RULES.insert(ctx.tx, [rule])
        _bump(ctx, group)
        created.append(rule)
    return created


def delete_rule(ctx: Context, rule: SecurityGroupRule) -> None:
    q.RULES.delete(ctx.tx, rule.id)
    quotas.give_back(ctx, rule.project_id, "security_group_rule")
    group = q.GROUPS.get(ctx.tx, rule.security_group_id)
    if group is not None:
        _bump(ctx, group)


def _bump(ctx: Context, group: SecurityGroup) -> None:
    new = msgspec.structs.replace(group, revision_number=group.revision_number + 1, updated_at=ctx.now)
    q.GROUPS.update(ctx.tx, group, new)
    group_news(ctx.tx, group.id)


_MEANING = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)


def _same(one: SecurityGroupRule, other: SecurityGroupRule) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in _MEANING)


_WITH_PORTS = {"tcp", "udp", "sctp", "dccp", "udplite", "6", "17", "132", "33", "136"}
_ICMP = {"icmp", "1", "icmpv6", "ipv6-icmp", "58"}
_IPV6_ONLY = {"icmpv6", "ipv6-icmp", "ipv6-encap", "ipv6-frag", "ipv6-nonxt", "ipv6-opts", "ipv6-route", "58"}


def _check_rule(ctx: Context, rule: SecurityGroupRule) -> None:
    if rule.remote_ip_prefix and rule.remote_group_id:
        raise BadRequest(
            "SecurityGroupMultipleRemoteEntites", "Only one of remote_ip_prefix or remote_group_id may be provided."
        )
    if rule.remote_group_id and not q.existing(
        ctx.tx, [rule.remote_group_id], q.GROUPS.clause(ctx.visible(SecurityGroup))
    ):
        raise NotFound("SecurityGroupNotFound", f"Security group {rule.remote_group_id} does not exist")
    if rule.remote_ip_prefix and (":" in rule.remote_ip_prefix) != (rule.ethertype == "IPv6"):
        raise BadRequest(
            "SecurityGroupRuleParameterConflict",
            f"Conflicting value ethertype {rule.ethertype} for CIDR {rule.remote_ip_prefix}",
        )
    if rule.ethertype == "IPv4" and rule.protocol in _IPV6_ONLY:
        raise BadRequest(
            "SecurityGroupEthertypeConflictWithProtocol", f"Invalid ethertype IPv4 for protocol {rule.protocol}."
        )
    _check_ports(rule)


def _check_ports(rule: SecurityGroupRule) -> None:
    low, high, protocol = rule.port_range_min, rule.port_range_max, rule.protocol
    if low is None and high is None:
        return
    if protocol is None:
        raise BadRequest("SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given.")
    if protocol in _ICMP:
        for name, value in (("port_range_min (type)", low), ("port_range_max (code)", high)):
            if value is not None and not 0 <= value <= 255:
                raise BadRequest(
                    "SecurityGroupInvalidIcmpValue", f"Invalid value for ICMP {name} {value}. It must be 0 to 255."
                )
        if low is None:
            raise BadRequest(
                "SecurityGroupMissingIcmpType",
                f"ICMP code (port-range-max) {high} is provided but ICMP type (port-range-min) is missing.",
            )
        return
    if protocol not in _WITH_PORTS:
        raise BadRequest(
            "SecurityGroupInvalidProtocolForPort",
            f"Invalid protocol {protocol} for port range, only supported for protocols {sorted(_WITH_PORTS)}.",
        )
    if low is None or high is None or low > high:
        raise BadRequest(
            "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max."
        )
