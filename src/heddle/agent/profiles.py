"""Profiles: the sets of security groups that ports of this host have, each compiled to flows once.

A profile has a number, which the flows of its ports load into a register, from its first port to its last.
So a rule more in a group of many ports is a handful of flows, and a member more is one flow for each profile
that names the group; neither costs more where there are many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Owner, Plan
from heddle.agent.permissions import Permissions
from heddle.agent.rule_tables import ProfileRules
from heddle.agent.security import profile_number
from heddle.host.openflow import cookie_of
from heddle.view.types import Ref, RuleView

Profile = frozenset[str]


@dataclass
class _Stale:
    """What may be others than planned: the members by group, all else if `whole`."""

    whole: bool = False
    members: set[tuple[str, str]] = field(default_factory=set)


class Profiles:
    """`plan` gives the changes of a profile, and all its flows when those before were not `settled`.

    `permissions`, by number: what the flows let through, as they were planned last.
    """

    def __init__(self) -> None:
        self._stale: dict[Profile, _Stale] = {}
        self._of_port: dict[str, Profile] = {}
        self._users: dict[Profile, set[str]] = {}
        self._numbers: dict[Profile, int] = {}
        self._rules: dict[Profile, ProfileRules] = {}
        self.permissions: dict[int, Permissions] = {}
        self._anew: set[Profile] = set()
        self._unsettled: dict[Owner, Profile] = {}
        self._narrowed: set[Profile] = set()

    def all_stale(self) -> None:
        """Everything is worked out anew."""
        self._anew |= self._users.keys()
        for profile in self._users:
            self._rework(profile)

    def group_changed(self, mirror: Mirror, group_id: str) -> set[str]:
        """A group has other rules; returns the ports whose profile has another number now."""
        ports: set[str] = set()
        for profile in [profile for profile in self._users if group_id in profile]:
            self._rework(profile)
            before = self._numbers.get(profile)
            if self.number(mirror, profile) != before:
                ports |= self._users[profile]
        return ports

    def member_changed(self, member_id: str) -> None:
        """A member of a group that rules may name has come, changed or gone."""
        group_id = member_id.partition("/")[0]
        for profile, rules in self._rules.items():
            if group_id in rules.named:
                self._stale.setdefault(profile, _Stale()).members.add((group_id, member_id))

    def _rework(self, profile: Profile) -> None:
        self._stale.setdefault(profile, _Stale()).whole = True

    def number(self, mirror: Mirror, profile: Profile) -> int:
        """The number of a profile; it tells whether the profile is stateful."""
        groups = [mirror.groups[group] for group in profile if group in mirror.groups]
        stateless = bool(groups) and not any(group.stateful for group in groups)
        others = {number for other, number in self._numbers.items() if other != profile}
        salt = 0
        while (number := profile_number(profile, stateless, salt)) in others:
            salt += 1
        if self._numbers.get(profile) != number:
            self.permissions.pop(self._numbers.get(profile, 0), None)
            self._numbers[profile] = number
            self._rework(profile)
        return number

    def join(self, port_id: str, profile: Profile | None) -> None:
        """A port has this profile now, or none."""
        before = self._of_port.get(port_id)
        if profile == before:
            return
        self.leave(port_id)
        if profile is not None:
            self._of_port[port_id] = profile
            if profile not in self._users:
                self._rework(profile)
            self._users.setdefault(profile, set()).add(port_id)

    def leave(self, port_id: str) -> None:
        before = self._of_port.pop(port_id, None)
        if before is None:
            return
        self._users[before].discard(port_id)
        if not self._users[before]:
            del self._users[before]
            self._rework(before)

    def settled(self, owner: Owner) -> None:
        """What was planned of a profile is in."""
        self._unsettled.pop(owner, None)

    def again(self, owners: Iterable[Owner]) -> None:
        """What was refused of the profiles among these owners is worked out anew."""
        for profile in {self._unsettled[owner] for owner in owners if owner in self._unsettled}:
            self._rework(profile)

    def take_narrowed(self) -> set[int]:
        """The numbers of the profiles that let less through than when they were taken last, and whose flows are in."""
        found = self._narrowed - set(self._unsettled.values())
        self._narrowed -= found
        return {self._numbers[profile] for profile in found if profile in self._numbers}

    def plan(self, mirror: Mirror, plan: Plan) -> None:
        """Add the flows of the stale profiles to the plan."""
        for profile, stale in self._stale.items():
            label = "+".join(sorted(profile)) or "no group"
            self._plan(mirror, profile, Owner(INT, "profile", label), stale, plan)
        self._stale = {}

    def _plan(self, mirror: Mirror, profile: Profile, owner: Owner, stale: _Stale, plan: Plan) -> None:
        if profile not in self._users:
            self.permissions.pop(self._numbers.pop(profile, 0), None)
            self._rules.pop(profile, None)
            self._anew.discard(profile)
            self._narrowed.discard(profile)
            plan.flows[owner] = {}
            return
        before, number = self._rules.get(profile), self._numbers[profile]
        anew = before is None or before.profile != number or profile in self._anew or owner in self._unsettled
        rules = before
        if rules is None or anew:
            rules = self._rules[profile] = ProfileRules(number, cookie_of(owner.id))
            self._anew.discard(profile)
        group_of = _take_rules(mirror, profile, rules) if anew or stale.whole else {}
        for group, member_id in stale.members:
            member = mirror.members.get(member_id)
            if group in rules.named:
                rules.set_member(group, member_id, member.addresses if member else ())
        if anew:
            plan.flows[owner] = rules.flows()
            fewer = before is not None and rules.permissions.narrower_than(before.permissions)
        else:
            plan.changes[owner] = rules.changes()
            fewer = rules.narrowed
        rules.narrowed = False
        if fewer:
            self._narrowed.add(profile)
        self.permissions[number] = rules.permissions
        self._unsettled[owner] = profile
        for item, reason in rules.problems.items():
            group = group_of.get(item) or _group_of(mirror, profile, item)
            plan.problems[Ref("group", group)] = f"{item}: {reason}"


def _take_rules(mirror: Mirror, profile: Profile, rules: ProfileRules) -> dict[str, str]:
    """Have the rules of the profile's groups, and the members of those that they name; returns each rule's group."""
    found: list[RuleView] = []
    group_of: dict[str, str] = {}
    for group in sorted(profile):
        view = mirror.groups.get(group)
        for rule in view.rules if view else ():
            found.append(rule)
            group_of[rule.id] = group
    rules.set_rules(found)
    for group in rules.members.keys() - rules.named.keys():
        rules.set_members(group, {})
    for group in rules.named.keys() - rules.members.keys():
        rules.set_members(group, {each.id: each.addresses for each in mirror.members_by_group.of(group)})
    return group_of


def _group_of(mirror: Mirror, profile: Profile, item: str) -> str:
    """The group of a rule of the profile, or of "<group>/<CIDR>"."""
    for group in profile:
        view = mirror.groups.get(group)
        if any(rule.id == item for rule in (view.rules if view else ())):
            return group
    return item.partition("/")[0]
