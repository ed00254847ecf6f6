"""Profiles: the sets of security groups that ports of this host have, each compiled to flows once.

A profile has a number, which the flows of its ports load into a register, from its first port to its last.
So a rule more in a group of many ports is a handful of flows, and a member more is one flow for each profile
that names the group.
"""

from __future__ import annotations

from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Owner, Plan
from heddle.agent.permissions import Permissions, permissions_of
from heddle.agent.security import profile_flows, profile_number
from heddle.view.types import Ref, RuleView

Profile = frozenset[str]


class Profiles:
    """`stale` are those whose flows have to be planned anew; `permissions`, by number, what their flows let through."""

    def __init__(self) -> None:
        self.stale: set[Profile] = set()
        self._of_port: dict[str, Profile] = {}
        self._users: dict[Profile, set[str]] = {}
        self._numbers: dict[Profile, int] = {}
        self._peers: dict[Profile, set[str]] = {}
        self.permissions: dict[int, Permissions] = {}

    def all_stale(self) -> None:
        self.stale |= set(self._users)

    def group_changed(self, group_id: str) -> set[str]:
        """A group has other rules; returns the ports that have it."""
        ports: set[str] = set()
        for profile in [profile for profile in self._users if group_id in profile]:
            self.stale.add(profile)
            ports |= self._users[profile]
        return ports

    def members_changed(self, group_id: str) -> None:
        """A group that rules may name has other members."""
        self.stale |= {profile for profile, peers in self._peers.items() if group_id in peers}

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
            self.stale.add(profile)
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
                self.stale.add(profile)
            self._users.setdefault(profile, set()).add(port_id)

    def leave(self, port_id: str) -> None:
        before = self._of_port.pop(port_id, None)
        if before is None:
            return
        self._users[before].discard(port_id)
        if not self._users[before]:
            del self._users[before]
            self.stale.add(before)

    def plan(self, mirror: Mirror, plan: Plan) -> None:
        """Add the flows of the stale profiles to the plan."""
        for profile in self.stale:
            self._plan(mirror, profile, plan)
        self.stale = set()

    def _plan(self, mirror: Mirror, profile: Profile, plan: Plan) -> None:
        label = "+".join(sorted(profile)) or "no group"
        owner = Owner(INT, "profile", label)
        if profile not in self._users:
            self.permissions.pop(self._numbers.pop(profile, 0), None)
            self._peers.pop(profile, None)
            plan.flows[owner] = {}
            return
        rules: list[RuleView] = []
        group_of: dict[str, str] = {}
        for group in sorted(profile):
            view = mirror.groups.get(group)
            for rule in view.rules if view else ():
                rules.append(rule)
                group_of[rule.id] = group
        peers = {rule.remote_group for rule in rules if rule.remote_group}
        addresses = {
            group: [cidr for member in mirror.members_by_group.of(group) for cidr in member.addresses]
            for group in peers
        }
        compiled = profile_flows(label, self._numbers[profile], rules, addresses)
        self._peers[profile] = peers
        self.permissions[self._numbers[profile]] = permissions_of(rules, addresses)
        plan.flows[owner] = compiled.flows
        for item, reason in compiled.problems.items():
            group = group_of.get(item) or item.partition("/")[0]
            plan.problems[Ref("group", group)] = f"{item}: {reason}"
