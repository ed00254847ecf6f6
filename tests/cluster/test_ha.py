"""A highly available router: what happens when its host, the link, an agent or the control plane dies.

Hosts wait longer here than by default, for a machine that is busy with other tests: how long a fail-over takes is
measured by `ha.py`.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
from tests.cluster.ha import Scene, patient, unnoticed
from tests.real.testhost import PATIENCE

from heddle.host import ha_files
from heddle.host.ha_files import Config

MOST = 5.0


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with patient() as made:
        yield made


def test_one_is_active_and_the_other_silent(scene: Scene) -> None:
    active = scene.settled()
    standby = scene.other(active)
    for name in (active, standby):
        assert f"qrouter-{scene.router['id']}" in scene.host(name).run("ip", "netns", "list")
    assert scene.open(active) and not scene.open(standby)
    gateway = scene.lab.api.get("/v2.0/ports", device_id=scene.router["id"])["ports"]
    assert {port["binding:host_id"] for port in gateway} == {active}
    scene.lab.until(lambda: scene.there.pings(scene.outside.ip), 5, "a guest on a network host reaches it from either")


def test_the_agent_dies_and_nothing_happens(scene: Scene) -> None:
    unnoticed(scene, lambda name: scene.program(name).end(signal.SIGKILL))
    for agent in scene.lab.agents:
        if not agent.runs:
            before = len(agent.log)
            agent.start()
            scene.lab.until(lambda each=agent, at=before: "adopted" in each.log[at:], 30, "it is back")
            assert "the process of highly available routers was started" not in agent.log[before:]
    scene.settled()


def test_the_process_dies_and_another_takes_its_place(scene: Scene) -> None:
    """At once: the others do not miss it."""

    def kill(name: str) -> None:
        pid = scene.ha_pid(name)
        scene.host(name).sh(f"kill -9 $(cat /proc/{pid}/task/{pid}/children)")

    unnoticed(scene, kill)


def test_a_router_that_becomes_highly_available_goes_on_where_it_is(scene: Scene) -> None:
    """Nobody waits whether another host has it; from distributed as well."""
    active = scene.settled()
    agent = scene.program(active)
    for kind in ({"distributed": False}, {"distributed": True}):
        scene.become(ha=False, **kind)
        scene.lab.until(scene.reached, 20, "packets go through the plain router")
        before, down = len(agent.log), [0.0]

        def back(down: list[float] = down) -> None:
            down[0] = scene.become(ha=True, distributed=False)

        seen = scene.gap(back)
        print(f"{kind}: {seen}, down for {down[0]:.2f} s")
        assert max(seen["in"], seen["out"]) < down[0] + PATIENCE, (seen, down)
        assert scene.settled() == active
        assert "ha_state=active term=1 why=it was on this host alone" in agent.log[before:]


@pytest.mark.parametrize("fault", ["host_dies", "link_dies"])
def test_another_host_takes_over(scene: Scene, fault: str) -> None:
    """It keeps the router when the first is back, and not two are active."""
    old = scene.settled()
    new = scene.other(old)
    seen = scene.gap(lambda: getattr(scene, fault)(old))
    print(f"{fault}: {seen}")
    assert 0.3 < max(seen["in"], seen["out"]) < MOST * PATIENCE, seen
    scene.lab.until(lambda: scene.here(new) == "active", 5, "the other host has it")
    if fault == "link_dies":
        assert scene.here(old) == "standby" and not scene.open(old), "the host that is cut off is silent"
    scene.lab.until(lambda: scene.guest6.pings(scene.peer6.ip), 5, "IPv6 goes on as well")
    scene.comes_back(old)
    scene.lab.until(lambda: not scene.open(old), 5, "one that comes back is silent")
    assert scene.settled() == new and scene.open(new)
    scene.lab.until(lambda: scene.there.pings(scene.outside.ip), 5, "so does a guest on a network host")


def test_a_host_that_loses_its_way_outside_hands_over(scene: Scene) -> None:
    """Others hear it all the while; when it has its carrier again the router stays where it is."""
    old = scene.settled()
    new = scene.other(old)
    seen = scene.gap(lambda: scene.card_dies(old))
    print(f"card_dies: {seen}")
    assert 0 < max(seen["in"], seen["out"]) < MOST * PATIENCE, seen
    assert scene.here(new) == "active" and scene.here(old) == "standby" and not scene.open(old)
    said = "a guest of the host without a way outside reaches it by the other"
    scene.lab.until(lambda: scene.there.pings(scene.outside.ip), 5, said)
    state = scene.lab.folder / old / "run" / "ha" / "state"
    assert "physical networks lost here" in state.read_text(encoding="utf-8")
    scene.comes_back(old)
    time.sleep(4)
    assert scene.settled() == new


def configs(scene: Scene) -> list[Config]:
    """What the processes of the hosts are told."""
    folders = [scene.lab.folder / host.name / "run" / "ha" for host in scene.lab.hosts]
    found = [ha_files.read(folder / "config", Config) for folder in folders]
    return [each for each in found if each is not None]


def test_the_key_becomes_another_one_and_nothing_is_lost(scene: Scene) -> None:
    """With a host that does not take it both keys count, and it is said; when it is back the command goes on."""
    (server,) = scene.lab.servers
    absent = scene.program("host3")
    former = configs(scene)[0].key
    absent.end(signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"exit 1: .*not taken the key within 15 s: host3\."):
        scene.lab.heddle(server, "ha", "rotate-key", "--timeout", "15")
    told = configs(scene)
    assert {each.key for each in told} == {former} and [bool(each.also) for each in told] == [True, True, False]
    absent.start()

    def rotate(name: str) -> None:
        assert "The former key counts no longer." in scene.lab.heddle(server, "ha", "rotate-key", "--timeout", "60")

    unnoticed(scene, rotate)
    told = configs(scene)
    assert len({each.key for each in told}) == 1 and former not in {each.key for each in told}
    assert [each.also for each in told] == ["", "", ""]
    active = scene.settled()
    pings = scene.gap(lambda: scene.host_dies(active))
    scene.comes_back(active)
    assert max(pings["in"], pings["out"]) < MOST * PATIENCE, "hosts hear each other with the new key"
    assert scene.settled() == scene.other(active)


def test_the_control_plane_is_not_needed(scene: Scene) -> None:
    """Neither server, broker nor agents are there while the host dies."""
    old = scene.settled()
    new = scene.other(old)
    (server,) = scene.lab.servers
    server.end(signal.SIGKILL)
    scene.lab.broker.kill()
    for agent in scene.lab.agents:
        agent.end(signal.SIGKILL)
    seen = scene.gap(lambda: scene.host_dies(old))
    assert 0.3 < max(seen["in"], seen["out"]) < MOST * PATIENCE, seen
    scene.comes_back(old)
    scene.lab.broker.start()
    server.start()
    for agent in scene.lab.agents:
        agent.start()
    scene.lab.until(scene.lab.answers, 60, "the API is back")
    assert scene.settled() == new
    time.sleep(3)
    assert scene.settled() == new, "what the server said before counts no more"
