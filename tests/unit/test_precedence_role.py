"""Queues of a network card on a fake host: who else has a hand in them, and hosts that cannot have any."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import network, policy, port, port_id
from tests.fakes.ovs import FakeDeviceLimits

from heddle.agent.mirror import Mirror
from heddle.agent.roles import precedence
from heddle.agent.roles.base import Host
from heddle.agent.roles.precedence import PrecedenceRole
from heddle.config import load
from heddle.host import card_queues, ovs_qos
from heddle.host.run import CommandError
from heddle.host.underlay import Link
from heddle.view.types import FetchRequest, Ref, Segment, Status

CARD, FLAT = "eth1", Segment("flat", "physnet1")
TOLD = f"agent.resource_provider_bandwidths={CARD}:4000:0,rp_tunnelled:4000:0"


class FakeTc:
    """The command `tc`: the root of each card, as (kind, handle), and the classes of ours; `broken`: it fails."""

    def __init__(self) -> None:
        self.roots: dict[str, tuple[str, str]] = {}
        self.classes: dict[str, dict[str, str]] = {}
        self.broken = False

    def run(self, command: Sequence[str], stdin: str = "") -> str:
        if self.broken:
            raise CommandError(command, 127, "cannot be started: No such file or directory")
        words = list(command[1:])
        if words == ["-j", "qdisc", "show"]:
            return json.dumps([{"dev": d, "kind": k, "handle": h, "root": True} for d, (k, h) in self.roots.items()])
        if words[:2] == ["class", "show"]:
            return "".join(f"class htb 4ed:{name} {text}\n" for name, text in self.classes.get(words[3], {}).items())
        if words[:2] == ["qdisc", "del"]:
            return self.delete(words[3], words[6] if "handle" in words else "")
        assert words == ["-batch", "-"], words
        for line in stdin.splitlines():
            self._one(line.split())
        return ""

    def delete(self, card: str, handle: str) -> str:
        if self.roots[card][1] == "0:" or (handle and self.roots[card][1] != handle):
            raise CommandError(["tc"], 2, "Error: Invalid handle.")
        self.roots[card] = ("noqueue", "0:")
        self.classes.pop(card, None)
        return ""

    def _one(self, words: list[str]) -> None:
        card = words[3]
        if words[:2] == ["qdisc", "add"]:
            self.roots[card] = ("htb", "4ed:")
        elif words[0] == "class":
            name = words[words.index("classid") + 1].removeprefix("4ed:")
            self.classes.setdefault(card, {})[name] = " ".join(words[words.index("htb") + 1 :])

    def somebody_takes(self, card: str) -> None:
        self.roots[card] = ("htb", "7:")
        self.classes.pop(card, None)


class World:
    """A host on which guest 1 is guaranteed 500 kbit/s."""

    def __init__(self, folder: Path) -> None:
        self.tc, self.touched = FakeTc(), list[Ref]()
        self.asked = list[str]()
        self.cloud = FakeCloud("host1")
        self.devices = folder
        self.plug(CARD)
        self.cloud.put(network("net-a", FLAT), policy("gold", guaranteed=500), policy("plain"))
        self.cloud.port(port(1, qos_policy="gold"))

    def plug(self, card: str) -> None:
        (self.devices / card).mkdir()
        self.tc.roots[card] = ("noqueue", "0:")

    def start(self, *settings: str, ovs: Any = None) -> None:
        self.mirror = Mirror()
        self.role = PrecedenceRole(self._link)
        words = ["agent.host=host1", "agent.data_plane=linuxbridge", "agent.tunnel_ip=172.31.0.1"]
        words += [f"agent.physical_interface_mappings=physnet1:{CARD}", *settings]
        host = Host(load(overrides=words, environ={}, file=None), ovs, "bridge", self.touched.extend)
        self.role.prepare(host)

    def _link(self, address: str) -> Link:
        self.asked.append(address)
        return Link(2, CARD, "fa:16:3e:00:00:99", 1500, True)

    def step(self, *refs: Ref) -> dict[str, Status]:
        """What the ports say after a fetch; without `refs` everything is looked at."""
        for _ in range(3):
            asked = FetchRequest(host="host1", revision=self.mirror.revision, scopes=sorted(self.mirror.scopes))
            self.mirror.apply(self.cloud.fetch(asked))
        return {each.id: each for each in self.role.reconcile(self.mirror, frozenset(refs) if refs else None)}

    def audit(self, repair: bool = True) -> list[str]:
        return [f"{each.id}: {each.found}" for each in self.role.audit(self.mirror, repair)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(card_queues, "run", made.tc.run)
    monkeypatch.setattr(precedence, "DeviceLimits", FakeDeviceLimits)
    monkeypatch.setattr(precedence, "DEVICES", tmp_path)
    return made


def test_an_audit_that_finds_somebody_elses_queues_says_so_until_they_are_gone(world: World) -> None:
    world.start(TOLD)
    assert world.step() == {} and world.tc.roots[CARD] == ("htb", "4ed:")
    assert world.audit() == [] and not world.touched
    world.tc.somebody_takes(CARD)
    for _ in range(2):
        (said,) = world.audit()
        assert said.startswith(f"{CARD}: ")
        assert world.touched == [Ref("interface", CARD)]
        world.touched.clear()
        world.step(Ref("interface", CARD))
    world.tc.delete(CARD, "")
    status = world.step(Ref("port", port_id(1)))[port_id(1)]
    assert status.state == "up" and world.tc.roots[CARD] == ("htb", "4ed:")
    assert world.audit() == []


def test_the_ports_of_a_card_that_somebody_took_are_in_error(world: World) -> None:
    world.start(TOLD)
    world.step()
    world.tc.somebody_takes(CARD)
    assert len(world.audit(repair=False)) == 1 and not world.touched
    assert "did not make (htb 7:)" in world.audit()[0]
    status = world.step(*world.touched)[port_id(1)]
    assert status.state == "error" and "htb 7:" in status.message
    assert world.tc.roots[CARD] == ("htb", "7:")
    assert len(world.audit(repair=False)) == 1, "it is not as it should be, whoever asks"


def test_an_audit_gives_queues_back_by_itself_where_nobody_else_has_any(world: World) -> None:
    world.start(TOLD)
    world.step()
    world.tc.delete(CARD, "")
    assert world.audit() == [f"{CARD}: changed by hand, or missing"]
    assert world.tc.classes[CARD]["2"].startswith("rate 500kbit") and not world.touched


class FakeOvs:
    """A bridge with the card as its port."""

    def bridge(self, name: str) -> str | None:
        return None

    def interface(self, name: str) -> str:
        return name


@pytest.fixture
def left_alone(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The cards whose port has a QoS for which vswitchd leaves their queues alone."""
    found: set[str] = set()
    monkeypatch.setattr(ovs_qos, "leave_queues_of", lambda ovs, card: found.add(card))
    monkeypatch.setattr(ovs_qos, "take_queues_of", lambda ovs, card: found.discard(card))
    return found


def test_queues_go_with_the_setting(world: World, left_alone: set[str]) -> None:
    world.start(TOLD, ovs=FakeOvs())
    world.step()
    assert left_alone == {CARD}
    world.start(ovs=FakeOvs())
    world.step()
    assert world.tc.roots[CARD] == ("noqueue", "0:") and not left_alone


def test_what_somebody_put_in_their_place_stays_when_the_card_leaves(world: World, left_alone: set[str]) -> None:
    world.start(TOLD.replace(f"{CARD}:4000:0,", ""), ovs=FakeOvs())
    world.cloud.put(network("net-a", Segment("vxlan", "", 7)))
    world.step()
    assert world.tc.roots[CARD] == ("htb", "4ed:") and left_alone == {CARD}
    world.tc.somebody_takes(CARD)
    world.role._find_link = lambda address: None
    world.step(Ref("interface", CARD))
    assert world.tc.roots[CARD] == ("htb", "7:")
    assert left_alone == {CARD}, "or vswitchd might remove it"
    assert world.audit() == []


@pytest.mark.parametrize("gone", ["queues", "device"])
def test_a_card_that_has_lost_its_queues_and_leaves(world: World, left_alone: set[str], gone: str) -> None:
    world.start(TOLD.replace(f"{CARD}:4000:0,", ""), ovs=FakeOvs())
    world.cloud.put(network("net-a", Segment("vxlan", "", 7)))
    world.step()
    world.tc.delete(CARD, "")
    if gone == "device":
        (world.devices / CARD).rmdir()
    world.role._find_link = lambda address: None
    world.step(Ref("interface", CARD))
    assert not left_alone and world.tc.roots[CARD] == ("noqueue", "0:")


def test_a_host_without_the_command_says_it_once_and_goes_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.tc.broken = True
    world.start()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            status = world.step().get(port_id(1))
    assert status is None or "does not tell" in status.message
    assert [each.levelname for each in caplog.records] == ["WARNING"] and "tc -j qdisc show" in caplog.text


def test_where_a_bandwidth_was_told_the_port_says_it(world: World) -> None:
    world.tc.broken = True
    world.start(TOLD)
    status = world.step()[port_id(1)]
    assert status.state == "error" and "cannot be started" in status.message
    world.tc.broken = False
    assert world.step()[port_id(1)].state == "up"


def test_queues_of_an_agent_before_are_known_as_soon_as_the_host_can_tell(world: World) -> None:
    world.start(TOLD)
    world.step()
    world.start()
    world.tc.broken = True
    world.step()
    assert world.tc.roots[CARD] == ("htb", "4ed:")
    world.tc.broken = False
    world.step()
    assert world.tc.roots[CARD] == ("noqueue", "0:")


def test_the_way_of_tunnels_is_looked_up_once_for_all_ports(world: World) -> None:
    world.start(TOLD)
    world.cloud.put(network("net-a", Segment("vxlan", "", 7)))
    for number in range(2, 7):
        world.cloud.port(port(number, qos_policy="gold"))
    world.step()
    assert sorted(world.tc.classes[CARD]) == ["1", "2", "3", "4", "5", "6", "7", "ffff"]
    assert world.asked == ["172.31.0.1"]
