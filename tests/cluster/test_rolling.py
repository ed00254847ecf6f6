"""Servers and agents of this release and of the one before it in one cloud, and the way from the one to the other.

The release before is the program that is kept in `tests/upgrade`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.hitless import in_time
from tests.cluster.lab import Lab
from tests.cluster.rolling import NOW, Asking, Door, Pings, command, exchange, migrate, nothing_lost, works
from tests.cluster.tenants import Guest, Tenant
from tests.upgrade.before import unpack

from heddle import __version__
from heddle.store import migrate as schema

pytestmark = pytest.mark.timeout(400)
FAST = ["agent.report_seconds=1"]


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    for each in (folder, *folder.parents[:2]):
        each.chmod(0o755)
    return unpack(folder)


@contextmanager
def lab_of(servers: Path, agents: Path, count: int = 1) -> Iterator[Lab]:
    """Two hosts."""
    lab = Lab(2, servers=count, of_agents=FAST, behind=True)
    for programs, source in ((lab.servers, servers), (lab.agents, agents)):
        for each in programs:
            each.source = source
    try:
        lab.start()
        yield lab
    finally:
        lab.stop()


def pair(lab: Lab, tenant: Tenant) -> list[tuple[Guest, str]]:
    network = tenant.network("steady", "10.200.0.0/24")
    one, other = (tenant.guest(network, host) for host in lab.hosts)
    tenant.wait()
    lab.until(lambda: one.pings(other.ip), 20, f"{one.name} reaches {other.name}")
    return [(one, other.ip), (other, one.ip)]


def restarts(lab: Lab, agent: int) -> None:
    exchange(lab, lab.agents[agent], lab.agents[agent].source)


def test_agents_of_the_release_before_with_servers_of_this_one(older: Path) -> None:
    with lab_of(NOW, older) as lab:
        tenant = Tenant(lab, "old")
        flows = pair(lab, tenant)
        works(lab, tenant, 1)
        nothing_lost(lambda: restarts(lab, 0), *flows)
        works(lab, tenant, 2)
        told = [each["configurations"].get("problems", []) for each in lab.api.get("/v2.0/agents")["agents"]]
        assert told and all("of an older release than the servers" in str(each) for each in told), told
        asks = "upgrade", "check", "--only", "versions-agents", "--format", "json"
        said = lab.heddle(lab.servers[0], *asks, check=False)
        details = [each["details"] for each in json.loads(said)["checks"]]
        assert details == [f"the agent of {host.name} does not tell its release: it is too old for that"
                           for host in lab.hosts], details  # fmt: skip
        carried_by_one(lab, tenant)
        assert all("Traceback" not in each.log for each in (*lab.servers, *lab.agents))


def carried_by_one(lab: Lab, tenant: Tenant) -> None:
    """A highly available router is given to one of the hosts, whose agents cannot have it ready for each other."""
    left, right = tenant.network("left", "10.30.0.0/24"), tenant.network("right", "10.31.0.0/24")
    router = tenant.router("shared", left, right, ha=True)
    one, other = tenant.guest(left, lab.hosts[0]), tenant.guest(right, lab.hosts[1])
    tenant.wait()
    lab.until(lambda: one.pings(other.ip), 20, "the router forwards")
    found = lab.api.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    space = f"qrouter-{router['id']}"
    there = [host.name for host in lab.hosts if space in host.sh("ip netns list")]
    assert there == [each["host"] for each in found] and len(there) == 1, (there, found)


def test_agents_of_this_release_with_servers_of_the_one_before(older: Path) -> None:
    with lab_of(older, NOW) as lab:
        tenant = Tenant(lab, "new")
        flows = pair(lab, tenant)
        works(lab, tenant, 1)
        nothing_lost(lambda: restarts(lab, 0), *flows)
        works(lab, tenant, 2)
        assert all("Traceback" not in each.log for each in (*lab.servers, *lab.agents))


@pytest.mark.timeout(900)
def test_a_running_cloud_is_upgraded(older: Path) -> None:
    """As docs/upgrade.md tells it: the database, the servers, the agents, while guests talk and a client asks.

    Another cloud is, at most twice, where the machine had no time for the guests' pings.
    """

    def turn() -> tuple[bool, float, Any]:
        pings, found = upgraded(older)
        assert all(sent > 1000 for sent, _, _ in found.values()), found
        return not any(lost for _, lost, _ in found.values()), pings.late, found

    in_time(turn, repeats=2)


def upgraded(older: Path) -> tuple[Pings, dict[str, tuple[int, int, Any]]]:
    """The pings and what became of them.

    Where vswitchd forwards in userspace an interface that comes or goes may cost a packet of others, so guests are
    plugged before and afterwards.
    """
    with lab_of(older, older, count=2) as lab:
        tenant = Tenant(lab, "up")
        flows = pair(lab, tenant)
        door = Door(lab, tenant, "door", 1)
        door.opens_and_shuts()
        asking = Asking(lab, f"/v2.0/networks/{door.network['id']}", "network")
        pings = Pings(flows)
        said = migrate(lab, NOW)
        assert f"is at revision {schema.EXPANDED}, from 0026" in said, said
        door.opens_and_shuts()
        for server in lab.servers:
            exchange(lab, server, NOW)
            door.opens_and_shuts()
        for agent in lab.agents:
            exchange(lab, agent, NOW)
            door.opens_and_shuts()
        found = pings.counted()
        asking.end()
        assert asking.asked > 100 and not asking.faults, (asking.asked, asking.longest, asking.faults)
        works(lab, tenant, 2)
        cut_nobody_off(lab, door, flows)
        told = {each["configurations"].get("release") for each in lab.api.get("/v2.0/agents")["agents"]}
        assert told == {__version__}, "every agent is of this release"
        assert all("Traceback" not in each.log for each in (*lab.servers, *lab.agents))
        print(f"{found}; {asking.asked} answers, the slowest after {asking.longest:.2f} s; {asking.again} asked again")
    return pings, found


def cut_nobody_off(lab: Lab, door: Door, flows: list[tuple[Guest, str]]) -> None:
    """Servers of this release, while they are exchanged; again where the machine has no time for the guests' pings: a
    server that ends waits a moment only for the request of who has just connected."""

    def turn() -> tuple[bool, float, Any]:
        pings, asking = Pings(flows), Asking(lab, f"/v2.0/networks/{door.network['id']}", "network")
        for server in lab.servers:
            exchange(lab, server, NOW)
        asking.end()
        pings.counted()
        assert asking.asked > 20 and not asking.faults, (asking.asked, asking.longest, asking.faults)
        return not asking.again, pings.late, asking.again

    in_time(turn)


def test_a_server_of_the_release_before_is_told_that_the_database_is_newer(older: Path, tmp_path: Path) -> None:
    """It is older than what lets servers start on an expanded database: it says so, and touches nothing."""
    url = f"sqlite:///{tmp_path}/heddle.db"
    for source, code in ((older, 0), (NOW, 0), (older, 78), (NOW, 0)):
        done = command(source, "--set", f"database.url={url}", "db", "migrate")
        assert done.returncode == code, done.stdout + done.stderr
        assert code == 0 or "made by a newer version" in done.stderr, done.stderr
