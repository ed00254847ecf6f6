"""The rules of a profile as flows that follow single changes.  Pure.

A `RuleTable` has the flows of one direction and IP version.  It counts who asks for each part of each flow: two rules
may say the same, an address may be that of two members, and a member of two groups that rules name has one flow for
both.  So a rule or a member more or fewer touches its own flows and no others, however many there are, and what is left
after any number of changes is what would be worked out from nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from heddle.agent.counted import count
from heddle.agent.permissions import Peers, Permissions
from heddle.agent.pipeline import ACCEPT, DISPATCH, EGRESS_RULES, INGRESS_RULES
from heddle.agent.security import any_service, conjunction_number, peer_match, service_matches
from heddle.host.openflow import FlowBody, FlowKey, FlowSet
from heddle.view.types import RuleView

TABLES = {"ingress": (INGRESS_RULES, ACCEPT), "egress": (EGRESS_RULES, DISPATCH)}
PLAIN, CONJUNCTION = 30, 20
OFF, ANYTHING, CONJOINED = range(3)


@dataclass
class _Group:
    """What rules let the members of a group do, and the members; `mode`: how that is said in flows."""

    services: Counter[str] = field(default_factory=Counter)
    peers: Counter[str] = field(default_factory=Counter)
    number: int = 0
    mode: int = OFF


class RuleTable:
    """`touched` are the flows that may be others than when it was emptied last."""

    def __init__(self, direction: str, ethertype: int, profile: int, cookie: int) -> None:
        self.touched: set[FlowKey] = set()
        self._direction, self._ethertype = direction, ethertype
        self._profile, self._cookie = profile, cookie
        self._table, following = TABLES[direction]
        self._onward = f"resubmit(,{following})"
        self._anything = any_service(ethertype)
        self._parts: dict[FlowKey, tuple[str, ...]] = {}
        self._bodies: dict[tuple[str, ...], FlowBody] = {}
        self._groups: dict[str, _Group] = {}

    def body(self, key: FlowKey) -> FlowBody | None:
        """The flow as it shall be, None for none."""
        parts = self._parts.get(key)
        return self._flow(parts) if parts else None

    def flows(self) -> FlowSet:
        """All of them; `touched` is emptied."""
        self.touched.clear()
        return {key: self._flow(parts) for key, parts in self._parts.items()}

    def _flow(self, parts: tuple[str, ...]) -> FlowBody:
        """The flow of all who ask for it."""
        found = self._bodies.get(parts)
        if found is None:
            found = FlowBody(",".join(sorted(set(parts))), self._cookie)
            if len(parts) == 1:
                self._bodies[parts] = found
        return found

    def count_rule(self, rule: RuleView, sign: int) -> None:
        """A rule more (`sign` 1), or one fewer (-1).  Raises `ValueError` when it cannot be matched: then nothing is
        changed."""
        matches = service_matches(rule)
        if rule.remote_group:
            for match in matches:
                self._count_service(rule.remote_group, match, sign)
            return
        peer = self._peer(rule.remote_cidr) if rule.remote_cidr else ""
        for match in matches:
            self._give(PLAIN, match + peer, self._onward, sign)

    def count_peer(self, group: str, cidr: str, sign: int) -> None:
        """An address of a member of a group, one more or one fewer.  Raises `ValueError` when it is none."""
        if (":" in cidr) != (self._ethertype == 6):
            return
        match = peer_match(cidr, self._direction, self._ethertype)
        if match is None:
            return
        found = self._group(group)
        if count(found.peers, match, sign):
            self._say_peer(found, match, sign)
            self._settle(group, found)

    def _count_service(self, group: str, match: str, sign: int) -> None:
        found = self._group(group)
        if count(found.services, match, sign):
            if found.mode == CONJOINED:
                self._give(CONJUNCTION, match, f"conjunction({found.number},2/2)", sign)
            self._settle(group, found)

    def _group(self, name: str) -> _Group:
        found = self._groups.get(name)
        if found is None:
            found = self._groups[name] = _Group()
        return found

    def _settle(self, group: str, found: _Group) -> None:
        """Say it in another way, when what it says needs that now."""
        mode = ANYTHING if self._anything in found.services else CONJOINED
        mode = mode if found.services and found.peers else OFF
        if mode != found.mode:
            self._say(found, -1)
            if mode == CONJOINED and not found.number:
                used = {each.number for each in self._groups.values()}
                found.number = conjunction_number(group, self._ethertype, used)
            found.mode = mode
            self._say(found, 1)
        if not found.services and not found.peers:
            del self._groups[group]

    def _say(self, found: _Group, sign: int) -> None:
        for match in found.peers:
            self._say_peer(found, match, sign)
        if found.mode == CONJOINED:
            for match in found.services:
                self._give(CONJUNCTION, match, f"conjunction({found.number},2/2)", sign)
            self._give(CONJUNCTION, f"conj_id={found.number},{self._anything}", self._onward, sign)

    def _say_peer(self, found: _Group, match: str, sign: int) -> None:
        if found.mode == ANYTHING:
            self._give(PLAIN, self._anything + match, self._onward, sign)
        elif found.mode == CONJOINED:
            self._give(CONJUNCTION, self._anything + match, f"conjunction({found.number},1/2)", sign)

    def _peer(self, cidr: str) -> str:
        match = peer_match(cidr, self._direction, self._ethertype)
        if match is None:
            raise ValueError(f"{cidr} is not an IPv{self._ethertype} network")
        return match

    def _give(self, priority: int, match: str, part: str, sign: int) -> None:
        key = FlowKey(self._table, priority, f"{match},reg7=0x{self._profile:x}")
        before = self._parts.get(key, ())
        if sign > 0:
            after = (*before, part)
        else:
            place = before.index(part)
            after = before[:place] + before[place + 1:]
        if (part in before) != (part in after):
            self.touched.add(key)
        if after:
            self._parts[key] = after
        else:
            del self._parts[key]


class ProfileRules:
    """The flows of all rules of a profile, with the number `profile` in their register.

    `problems`: why something cannot be taken, by the rule's id or "<group>/<CIDR>"; the rest is there all the same.
    `named` are the groups that rules name; `narrowed`: something is not permitted any more that was; `permissions` is
    what is, as it changes.
    """

    def __init__(self, profile: int, cookie: int) -> None:
        self.profile = profile
        self.problems: dict[str, str] = {}
        self.rules: dict[str, RuleView] = {}
        self.members: dict[str, dict[str, list[str]]] = {}
        self.named: Counter[str] = Counter()
        self.narrowed = False
        self._peers: dict[str, Peers] = {}
        self.permissions = Permissions(self.rules.values(), self._peers)
        self._tables = {
            (direction, ethertype): RuleTable(direction, ethertype, profile, cookie)
            for direction in TABLES
            for ethertype in (4, 6)
        }

    def flows(self) -> FlowSet:
        """All of them, also for `changes`: they are known now."""
        found: FlowSet = {}
        for table in self._tables.values():
            found |= table.flows()
        return found

    def changes(self) -> dict[FlowKey, FlowBody | None]:
        """The flows that are others than at the last call."""
        found: dict[FlowKey, FlowBody | None] = {}
        for table in self._tables.values():
            found |= {key: table.body(key) for key in table.touched}
            table.touched.clear()
        return found

    def set_rules(self, rules: Iterable[RuleView]) -> None:
        """These are the rules now."""
        wanted = {rule.id: rule for rule in rules}
        for id in [id for id, rule in self.rules.items() if wanted.get(id) != rule]:
            self._count_rule(self.rules.pop(id), -1)
        for id in wanted.keys() - self.rules.keys():
            self.rules[id] = wanted[id]
            self._count_rule(wanted[id], 1)

    def set_member(self, group: str, id: str, addresses: Iterable[str]) -> None:
        """These are the addresses (as CIDRs) of a member of a group now; none when it has left."""
        held = self.members.setdefault(group, {})
        before, now = held.pop(id, []), list(dict.fromkeys(addresses))
        if now:
            held[id] = now
        elif not held:
            del self.members[group]
        for cidr in before:
            if cidr not in now:
                self._count_peer(group, cidr, -1)
        for cidr in now:
            if cidr not in before:
                self._count_peer(group, cidr, 1)

    def set_members(self, group: str, members: Mapping[str, Iterable[str]]) -> None:
        """These are all members of a group, with their addresses."""
        for id in list(self.members.get(group, ())):
            if id not in members:
                self.set_member(group, id, ())
        for id, addresses in members.items():
            self.set_member(group, id, addresses)

    def _count_rule(self, rule: RuleView, sign: int) -> None:
        if rule.remote_group:
            count(self.named, rule.remote_group, sign)
        self.narrowed = self.narrowed or sign < 0
        try:
            self._tables[rule.direction, rule.ethertype].count_rule(rule, sign)
        except ValueError as error:
            self._note(rule.id, str(error), sign)

    def _count_peer(self, group: str, cidr: str, sign: int) -> None:
        peers = self._peers.get(group)
        if peers is None:
            peers = self._peers[group] = Peers()
        if sign > 0:
            peers.add(cidr)
        elif peers.remove(cidr):
            self.narrowed = self.narrowed or group in self.named
            if not peers.networks:
                del self._peers[group]
        for table in self._tables.values():
            try:
                table.count_peer(group, cidr, sign)
            except ValueError as error:
                self._note(f"{group}/{cidr}", str(error), sign)

    def _note(self, item: str, problem: str, sign: int) -> None:
        if sign > 0:
            self.problems[item] = problem
        elif not self._is_asked_for(item):
            self.problems.pop(item, None)

    def _is_asked_for(self, item: str) -> bool:
        """Whether another member has the address that cannot be taken."""
        group, _, cidr = item.partition("/")
        return any(cidr in addresses for addresses in self.members.get(group, {}).values())
