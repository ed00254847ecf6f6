"""One application for all tests of the API; each test has projects of its own."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from tests.api.talk import Talk
from tests.engines.schema import fill
from tests.engines.servers import discard, new_database
from tests.fakes.client import PASSWORD, Client, People

from heddle import __version__
from heddle.api.app import App
from heddle.api.server import make_app
from heddle.config import Quota, Settings, load
from heddle.control import reports
from heddle.control.duties import LEASE, Keeper, Term, look_for_the_dead
from heddle.control.identity import passwords
from heddle.control.identity.bootstrap import bootstrap
from heddle.store import tables as t
from heddle.store.engine import Store
from heddle.store.query import leases
from heddle.view.types import Guarantees, ReportReply, ReportRequest, RoleState, Status

_numbers = itertools.count(1)


@dataclass
class Cloud:
    """The application, its database and its people."""

    app: App
    store: Store
    settings: Settings
    people: People
    admin: Talk

    def tenant(self, role: str = "member") -> Talk:
        """Somebody with a role in a project of his own."""
        name = f"tenant{next(_numbers)}"
        project = self.people.project(name)
        self.people.user(name, **{role: project})
        return Talk(Client(self.app).log_in(name, project=name))

    def silence(self, *names: str, seconds: int = 80) -> None:
        """Nothing has been heard of these hosts, or of all that there are, for some time."""
        a, h, i = t.agents.c, t.hosts.c, t.agent_instances.c
        with self.store.engine.begin() as conn:
            for host, *times in ((a.host, a.heartbeat), (h.name, h.heartbeat), (i.host, i.first_heard, i.last_heard)):
                earlier = {time.name: time - seconds for time in times}
                conn.execute(sa.update(host.table).where(host.in_(names) if names else sa.true()).values(**earlier))

    def look(self, heard: float = 1000.0) -> None:
        """Look for dead hosts, as a process that has listened for some time."""
        keeper = Keeper(self.store, self.settings, lambda: True)
        assert self.store.write(lambda tx: leases.take(tx, LEASE, keeper.holder, 60))
        look_for_the_dead(Term(self.store, self.settings, keeper.holder, heard))
        self.store.write(lambda tx: leases.release(tx, LEASE, keeper.holder))

    def die(self, *names: str) -> None:
        """These hosts, or all that there are, fall silent, and that is noticed."""
        self.silence(*names)
        self.look()

    def close(self) -> None:
        """Give everything back; the database is gone."""
        self.store.close()
        discard(self.settings.database_url)

    def report(
        self, host: str, *statuses: Status, started: float = 1_700_000_000.0, physnets: str = "public", zone: str = "",
        datapath: str = "netdev", instance: str = "", release: str = __version__, clock: float = 0.0,
        guarantees: Guarantees | None = None,
    ) -> ReportReply:  # fmt: skip
        """A host with all roles reports; with Linux bridges when `datapath` is "bridge"."""
        switch = "bridge" if datapath == "bridge" else "switch"
        roles = [RoleState(role=role, configuration={"x": 1}) for role in (switch, "router", "dhcp")]
        mappings = dict.fromkeys(physnets.split(), "br-ex") if physnets else {}
        request = ReportRequest(
            host=host, started_at=started, roles=roles, tunnel_ip="192.0.2.7", bridge_mappings=mappings,
            datapath=datapath, statuses=list(statuses), availability_zone=zone, instance=instance, clock=clock,
            guarantees=guarantees, release=release,
        )  # fmt: skip
        return reports.report(self.store, self.settings, request)


def build(folder: Path, engine: str = "", more: Sequence[str] = ()) -> Cloud:
    """A cloud on a database of its own, of the engine that this run is for if none is named; `more` settings."""
    overrides = [f"paths.{name}={folder / name}" for name in ("state", "run", "log")]
    (folder / "state").mkdir(mode=0o700)
    overrides += ["network.vlan_ranges=public,physnet1:100:109", f"database.url={new_database(engine)}", *more]
    settings = load(overrides=overrides, environ={})
    fill(settings.database_url)
    store = Store(settings.database_url)
    bootstrap(store, PASSWORD, settings)
    app = make_app(settings, store)
    people = People(app)
    return Cloud(app, store, settings, people, Talk(people.admin))


def shared_cloud(folder: Path) -> Iterator[Cloud]:
    """A cloud for many tests, whose administrator has no quotas."""
    made = build(folder)
    unlimited = dict.fromkeys(Quota.__struct_fields__, -1)
    path = f"/v2.0/quotas/{made.admin.project_id}"
    assert made.admin.client.call("PUT", path, {"quota": unlimited}).status == 200, "many tests share this project"
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Each test has users of its own, whose passwords nobody guesses: a hash costs next to nothing here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """That of a file: what its tests leave, others never see, in whatever order files run."""
    yield from shared_cloud(tmp_path_factory.mktemp("cloud"))


@pytest.fixture
def own_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud that no other test uses."""
    made = build(tmp_path)
    yield made
    made.close()


@pytest.fixture
def embedded_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud on SQLite, whatever engine this run is for."""
    made = build(tmp_path, "sqlite")
    yield made
    made.close()


@pytest.fixture
def admin(cloud: Cloud) -> Talk:
    return cloud.admin


@pytest.fixture
def blue(cloud: Cloud) -> Talk:
    return cloud.tenant()


@pytest.fixture
def red(cloud: Cloud) -> Talk:
    return cloud.tenant()


@pytest.fixture
def outside(admin: Talk) -> Callable[..., dict[str, str]]:
    """Makes external networks with a subnet, each on a segment of its own."""

    def make(cidr: str = "203.0.113.0/24", **more: object) -> dict[str, str]:
        network = admin.create("network", {"router:external": True, "name": f"public{time.time_ns()}"})
        subnet = admin.subnet(network, cidr, enable_dhcp=False, **more)
        return {"id": network["id"], "subnet_id": subnet["id"]}

    return make
