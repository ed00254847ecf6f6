"""What hosts do so that guaranteed bandwidths hold: queues at the network cards, on both data planes (`precedence.py`).

The queues of a card come with its first guaranteed port, and stay while the settings tell a bandwidth of it: what was
exchanged once need not be again.  A port's packets come to a queue that is there already; a queue that no port has any
more ends with an audit that finds it empty.  A host that cannot give precedence carries the traffic all the same, and
says so on the port.

The role comes before the switch: of a port that it has nothing against any more, the switch has the last word.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from heddle.agent import guarantees
from heddle.agent.mirror import Mirror
from heddle.agent.precedence import TABLE, TUNNELS, Numbers, Promise, promises, queues, table
from heddle.agent.roles.base import Drift, Host
from heddle.errors import HeddleError
from heddle.host import card_queues, ovs_qos
from heddle.host.card_queues import Queues
from heddle.host.device_limits import DeviceLimits
from heddle.host.underlay import FindLink, link_of
from heddle.view.types import Ref, RoleState, Status

log = logging.getLogger(__name__)

KINDS = frozenset({"port", "network", "qos_policy", "interface", "bridge"})
DEVICES = Path("/sys/class/net")


class PrecedenceRole:
    name = "precedence"

    def __init__(self, find_link: FindLink = link_of) -> None:
        self._find_link = find_link
        self._numbers = Numbers()
        self._queues: dict[str, Queues] = {}
        self._looks: dict[str, dict[str, str]] = {}
        self._erring: set[str] = set()
        self._adopted = self._unknown = False

    def prepare(self, host: Host) -> None:
        agent = host.settings.agent
        self._host = host
        self._table = DeviceLimits()
        self._mappings = {name: way for name, _, way in (text.partition(":") for text in agent.mappings)}
        told = guarantees.of_settings(agent, host.name).bandwidths
        self._told = {provider: rates["egress"] for provider, rates in told.items() if rates["egress"]}

    def close(self) -> None:
        self._table.close()

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        if changed is not None and not any(ref.kind in KINDS for ref in changed):
            return []
        if changed is None and not self._adopted:
            self._adopt()
        made = promises(mirror, self._mappings)
        if not (made or self._queues or self._erring):
            return []
        for card in self._queues if changed is None else [ref.id for ref in changed if ref.kind == "interface"]:
            self._looks.pop(card, None)
        there = {provider: self._cards_of(provider) for provider in self._told}
        cards, problems = self._place(made, there)
        numbers = self._numbers.follow(each.port_id for each in made)
        carried = self._carried(there)
        for card in self._queues.keys() - carried.keys():
            self._end(card)
        for card in sorted(carried.keys() & (cards.keys() | self._queues.keys())):
            wanted = queues(carried[card], cards.get(card, ()), numbers, self._host.datapath == "netdev")
            if problem := self._put(card, wanted):
                problems |= {each.port_id: problem for each in cards.pop(card, ())}
        problems |= self._steer(cards, numbers)
        return self._statuses(mirror, problems, changed)

    # Where

    def _place(
        self, made: Iterable[Promise], there: Mapping[str, Collection[str]]
    ) -> tuple[dict[str, list[Promise]], dict[str, str]]:
        """What is promised at each card, and why ports have nothing of it; `there`: the cards by provider."""
        cards: dict[str, list[Promise]] = {}
        problems: dict[str, str] = {}
        for each in made:
            found = there.get(each.provider, ())
            for card in found:
                cards.setdefault(card, []).append(each)
            if each.provider not in self._told:
                problems[each.port_id] = _without(f"agent.resource_provider_bandwidths does not tell {each.provider}")
            elif not found:
                problems[each.port_id] = _without(f"this host has no network card for {each.provider}")
        return cards, problems

    def _carried(self, there: Mapping[str, Collection[str]]) -> dict[str, int]:
        """The cards of which the settings tell a bandwidth, with what they carry."""
        found: dict[str, int] = {}
        for provider, kbps in self._told.items():
            for card in there[provider]:
                found[card] = found.get(card, 0) + kbps
        return found

    def _cards_of(self, provider: str) -> list[str]:
        """The cards by which the traffic of a provider leaves this host."""
        ovs, address = self._host.ovs, self._host.settings.agent.tunnel_ip
        link = self._find_link(address) if provider == TUNNELS and address else None
        name = provider if provider != TUNNELS else link.name if link else ""
        if ovs is None or ovs.bridge(name) is None:
            return [name] if _is_device(name) else []
        there = (each for each in ovs.interfaces(name) if each.is_device and not each.port_id)
        return sorted(each.name for each in there if _is_device(each.name))

    # Queues

    def _adopt(self) -> None:
        """Know the queues that an agent before this one has left.

        A host that cannot say is asked again with the next look at everything: it carries the traffic all the same.
        """
        try:
            found = card_queues.cards_with_queues()
        except HeddleError as error:
            if not self._unknown:
                log.warning("what queues the cards of this host have cannot be told: %s", error)
            self._unknown = True
            return
        self._queues |= {card: Queues(0, 0, {}) for card in found - self._queues.keys()}
        self._adopted = True

    def _put(self, card: str, wanted: Queues) -> str:
        """Have a card its queues; why it has not, or ""."""
        if self._queues.get(card) == wanted and card in self._looks:
            return ""
        try:
            if card not in self._looks and self._host.ovs is not None and self._host.ovs.interface(card) is not None:
                ovs_qos.leave_queues_of(self._host.ovs, card)
            looks = card_queues.put(card, wanted)
        except HeddleError as error:
            self._looks.pop(card, None)
            return _without(str(error))
        if card not in self._queues:
            log.info("card=%s has queues now kbps=%d", card, wanted.kbps)
        self._queues[card] = wanted
        self._looks[card] = {name: looks.get(name, "") for name in card_queues.names_of(wanted)}
        return ""

    def _end(self, card: str) -> None:
        """The settings tell nothing of a card any more, or it has left its bridge.

        What somebody else has put in the queues' place stays, and so does what has vswitchd leave it alone.
        """
        del self._queues[card]
        self._looks.pop(card, None)
        try:
            if _is_device(card) and not card_queues.remove(card):
                log.warning("card=%s keeps the queueing discipline that somebody has put in the queues' place", card)
            elif self._host.ovs is not None:
                ovs_qos.take_queues_of(self._host.ovs, card)
        except HeddleError as error:
            log.warning("card=%s keeps its queues: %s", card, error)

    def _steer(self, cards: Mapping[str, Collection[Promise]], numbers: Mapping[str, int]) -> dict[str, str]:
        """Lead the packets of ports into their queues; returns the problems of those whose packets are not."""
        absent, reason = set(), "the card has just gone"
        try:
            absent = self._table.ensure(table(cards, numbers))
        except HeddleError as error:
            absent, reason = set(cards), str(error)
        return {each.port_id: _without(reason) for card in absent for each in cards[card]}

    def _statuses(
        self, mirror: Mirror, problems: Mapping[str, str], changed: frozenset[Ref] | None
    ) -> list[Status]:
        """Of ports that have no precedence, and of those with which all is well again when they are asked for."""
        before = self._erring
        asked = before if changed is None else before & {ref.id for ref in changed if ref.kind == "port"}
        told = (asked | (problems.keys() - before)) & mirror.ports.keys()
        self._erring = set(problems) | (before - asked - problems.keys())
        return [
            Status(
                kind="port", id=id, revision=mirror.ports[id].revision, state="error" if id in problems else "up",
                message=problems.get(id, ""),
            )
            for id in sorted(told)
        ]  # fmt: skip

    # Auditing

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        drifts: list[Drift] = []
        for card, wanted in sorted(self._queues.items()):
            drifts += self._audit_card(card, wanted, repair)
        disturbed = self._table.repair() if repair else self._table.disturbed()
        return drifts + ([Drift("table", TABLE, "as it was left", "rules changed by hand")] if disturbed else [])

    def _audit_card(self, card: str, wanted: Queues, repair: bool) -> list[Drift]:
        """A card that cannot have its queues back is looked at anew, so that its ports say so."""
        looks, left = card_queues.look(card) if _is_device(card) else {}, self._looks.get(card)
        if repair and looks:
            card_queues.drop_unused(card, wanted)
        if left is not None and all(looks.get(name) == text for name, text in left.items()):
            return []
        problem = ""
        if repair and self._looks.pop(card, None) is not None:
            problem = self._put(card, wanted)
        if repair and card not in self._looks:
            self._host.touch([Ref("interface", card)])
        return [Drift("card", card, "its queues as they were left", problem or "changed by hand, or missing")]

    def state(self, mirror: Mirror) -> RoleState:
        counted = sum(len(each.shares) for each in self._queues.values())
        return RoleState(role=self.name, configuration={"cards": sorted(self._queues), "queues": counted})


def _without(reason: str) -> str:
    return f"what the port sends has no precedence over what others send: {reason}"


def _is_device(name: str) -> bool:
    return bool(name) and (DEVICES / name).exists()
