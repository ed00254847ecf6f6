"""Many at once: no address twice, no count lost, revisions visible in the order of commits, costs that do not grow."""

from __future__ import annotations

import ipaddress
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from tests.api.conftest import Cloud
from tests.api.statements import counted
from tests.api.talk import Talk, addresses, path_of

from heddle.control import ipam, sync
from heddle.model.values import AllocationPool
from heddle.store import changes, tables
from heddle.store.engine import Store
from heddle.store.query import addresses as address_query
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest


def together(*works: Callable[[], None]) -> None:
    """Run the works at the same time; the first failure is raised."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def free_numbers(store: Store, subnet_id: str) -> list[int]:
    r = tables.ip_ranges.c
    with store.engine.connect() as conn:
        rows = conn.execute(sa.select(r.first, r.last).where(r.subnet_id == subnet_id)).all()
    return sorted(number for first, last in rows for number in range(int(first, 16), int(last, 16) + 1))


def check_counts(cloud: Cloud, talk: Talk, subnet: dict[str, Any]) -> None:
    """Ports, addresses, free runs and usage tell the same."""
    ports = talk.list("port", f"?project_id={talk.project_id}")
    given = [address for port in ports for address in addresses(port)]
    assert len(set(given)) == len(given)
    runs = ipam.pool_runs([AllocationPool(**pool) for pool in subnet["allocation_pools"]])
    pool = {number for first, last in runs for number in range(first, last + 1)}
    taken = {int(ipaddress.ip_address(address)) for address in given}
    assert free_numbers(cloud.store, subnet["id"]) == sorted(pool - taken)
    used = talk.client.get(f"/v2.0/quotas/{talk.project_id}/details").json()["quota"]["port"]["used"]
    assert used == len(ports)


def test_ports_in_one_subnet(own_cloud: Cloud) -> None:
    talk = own_cloud.tenant()
    network, subnet = talk.network("10.0.0.0/24")
    statuses: Counter[int] = Counter()

    def create() -> None:
        mine: list[str] = []
        for turn in range(20):
            answer = talk.client.post("/v2.0/ports", {"port": {"network_id": network["id"]}})
            statuses[answer.status] += 1
            if answer.status == 201:
                mine.append(answer.json()["port"]["id"])
            if turn % 5 == 4:
                talk.delete("port", mine.pop())

    together(*[create] * 8)
    assert statuses == {201: 160}
    assert len(talk.list("port")) == 128
    check_counts(own_cloud, talk, subnet)


def test_the_first_objects_of_a_project_are_made_at_once(cloud: Cloud) -> None:
    """Its usage is counted from nothing by each of them, and none is refused."""
    for _ in range(10):
        talk, barrier = cloud.tenant(), threading.Barrier(8)

        def create(talk: Talk = talk, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            talk.create("address_scope", name="x", ip_version=4)
            talk.create("router", name="x")

        together(*[create] * 8)
        used = talk.client.get(f"/v2.0/quotas/{talk.project_id}/details").json()["quota"]["router"]["used"]
        assert used == 8 == len(talk.list("router"))


def test_the_last_addresses(own_cloud: Cloud) -> None:
    talk = own_cloud.tenant()
    network, subnet = talk.network("10.0.0.0/28")
    statuses: Counter[int] = Counter()

    def create() -> None:
        for _ in range(4):
            statuses[talk.client.post("/v2.0/ports", {"port": {"network_id": network["id"]}}).status] += 1

    together(*[create] * 8)
    assert statuses == {201: 13, 409: 19}
    assert free_numbers(own_cloud.store, subnet["id"]) == []
    check_counts(own_cloud, talk, subnet)


def test_the_same_address_asked_by_many(own_cloud: Cloud) -> None:
    talk = own_cloud.tenant()
    network, subnet = talk.network("10.0.0.0/24", allocation_pools=[{"start": "10.0.0.2", "end": "10.0.0.50"}])
    statuses: Counter[int] = Counter()

    def create() -> None:
        for host in (40, 200):
            body = {"network_id": network["id"], "fixed_ips": [{"ip_address": f"10.0.0.{host}"}]}
            statuses[talk.client.post("/v2.0/ports", {"port": body}).status] += 1

    together(*[create] * 6)
    assert statuses == {201: 2, 409: 10}
    assert sorted(addresses(port)[0] for port in talk.list("port")) == ["10.0.0.200", "10.0.0.40"]
    assert len(free_numbers(own_cloud.store, subnet["id"])) == 48


def test_default_groups_and_segments_made_at_once(own_cloud: Cloud) -> None:
    talk = own_cloud.tenant()

    def create() -> None:
        for _ in range(5):
            talk.create("network")

    together(*[create] * 6)
    assert len(talk.list("security_group")) == 1
    segments = [network["provider:segmentation_id"] for network in own_cloud.admin.list("network")]
    assert len(set(segments)) == len(segments) == 30


@pytest.mark.timeout(180)
@pytest.mark.parametrize("member", ["network", "subnet", "port", "router", "security_group", "security_group_rule"])
def test_a_hundred_at_once_do_not_pass_a_quota(cloud: Cloud, member: str) -> None:
    talk, number = cloud.tenant(), itertools.count()
    network, group = talk.create("network"), talk.create("security_group", name="g")
    used = talk.client.get(f"/v2.0/quotas/{talk.project_id}/details").json()["quota"][member]["used"]
    cloud.admin.put(f"/v2.0/quotas/{talk.project_id}", {"quota": {member: used + 7}})
    statuses: Counter[int] = Counter()

    def body() -> dict[str, Any]:
        n = next(number)
        return {
            "subnet": {"network_id": network["id"], "ip_version": 4, "cidr": f"10.{n}.0.0/24", "enable_dhcp": False},
            "port": {"network_id": network["id"]},
            "security_group_rule": {
                "security_group_id": group["id"], "direction": "ingress", "protocol": "tcp",
                "port_range_min": 1 + n, "port_range_max": 1 + n,
            },
        }.get(member, {"name": f"x{n}"})  # fmt: skip

    def create() -> None:
        answer = talk.client.post(path_of(member), {member: body()})
        assert answer.status == 201 or answer.json()["NeutronError"]["type"] == "OverQuota", answer.body
        statuses[answer.status] += 1

    together(*[create] * 100)
    assert statuses == {201: 7, 409: 93}
    details = talk.client.get(f"/v2.0/quotas/{talk.project_id}/details").json()["quota"][member]
    assert details["used"] == used + 7 == len(talk.list(member, f"?project_id={talk.project_id}"))


def test_one_floating_ip_for_one_address(own_cloud: Cloud) -> None:
    talk, admin = own_cloud.tenant(), own_cloud.admin
    external = admin.create("network", {"router:external": True})
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    network, subnet = talk.network("10.0.0.0/24")
    router = talk.create("router", external_gateway_info={"network_id": external["id"]})
    talk.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    port = talk.port(network)
    statuses: Counter[int] = Counter()

    def create() -> None:
        body = {"floating_network_id": external["id"], "port_id": port["id"]}
        statuses[talk.client.post("/v2.0/floatingips", {"floatingip": body}).status] += 1

    together(*[create] * 6)
    assert statuses == {201: 1, 409: 5}


def test_revisions_are_visible_in_the_order_of_commits(own_cloud: Cloud) -> None:
    """Who has seen a revision never sees, later, a change of that or an older one."""
    talk = own_cloud.tenant()
    network, _ = talk.network("10.0.0.0/16")
    done = threading.Event()
    c = tables.changes.c

    def write() -> None:
        for _ in range(12):
            port = talk.port(network)
            talk.update("port", port["id"], admin_state_up=False)

    def read() -> None:
        seen, known = 0, set[tuple[str, str, int]]()
        while not done.is_set():
            with own_cloud.store.read() as tx:
                revision = changes.current_revision(tx.conn)
                rows = {tuple(row) for row in tx.conn.execute(sa.select(c.scope, c.id, c.revision))}
            assert revision >= seen
            fresh = rows - known
            assert all(seen < row[2] <= revision for row in fresh), (seen, revision, fresh)
            seen, known = revision, rows

    def writers() -> None:
        try:
            together(*[write] * 4)
        finally:
            done.set()

    together(writers, read, read)


# What a request costs


def fill(talk: Talk, network: dict[str, Any], count: int) -> None:
    for start in range(0, count, 4000):
        talk.bulk("port", [{"network_id": network["id"]}] * min(4000, count - start))


@pytest.mark.timeout(120)
def test_a_port_costs_the_same_however_many_there_are(own_cloud: Cloud) -> None:
    talk, admin = own_cloud.tenant(), own_cloud.admin
    admin.put(f"/v2.0/quotas/{talk.project_id}", {"quota": {"port": -1}})
    network, _ = talk.network("10.0.0.0/16")
    other, _ = talk.network("10.0.0.0/16")

    def cost() -> dict[str, list[str]]:
        """The statements of each verb; a random MAC address could be in use by chance, and tried again."""
        found = {}
        with counted(own_cloud.store) as found["create"]:
            port = talk.port(network, mac_address="02:00:00:00:00:01")
        with counted(own_cloud.store) as found["show"]:
            talk.show("port", port["id"])
        with counted(own_cloud.store) as found["update"]:
            talk.update("port", port["id"], name="x", fixed_ips=[{"ip_address": "10.0.200.200"}])
        with counted(own_cloud.store) as found["by device"]:
            talk.list("port", "?device_id=vm")
        with counted(own_cloud.store) as found["delete"]:
            talk.delete("port", port["id"])
        return found

    cost()
    fill(talk, network, 1000)
    small = cost()
    fill(talk, other, 2000)
    fill(talk, network, 7000)
    assert cost() == small
    fill(talk, network, 2**15 - 8000)
    assert cost() == small
    assert len(small["create"]) < 30


@pytest.mark.timeout(120)
def test_a_fetch_costs_what_changed(own_cloud: Cloud) -> None:
    talk, admin = own_cloud.tenant(), own_cloud.admin
    admin.put(f"/v2.0/quotas/{talk.project_id}", {"quota": {"port": -1}})
    own_cloud.report("host1")
    network, _ = talk.network("10.0.0.0/16")
    compiler = Compiler()
    admin.create("port", {"network_id": network["id"], "binding:host_id": "host1"})

    def news() -> tuple[int, int, int]:
        """Statements, objects and bytes of the news of one more port."""
        first = sync.fetch(own_cloud.store, compiler, FetchRequest(host="host1"))
        scopes = [scope.scope for scope in first.scopes]
        port = admin.create("port", {"network_id": network["id"], "binding:host_id": "host1"})
        with counted(own_cloud.store) as statements:
            reply = sync.fetch(
                own_cloud.store, compiler, FetchRequest(host="host1", revision=first.revision, scopes=scopes)
            )
        admin.delete("port", port["id"])
        objects = [raw for scope in reply.scopes for raw in scope.objects]
        return len(statements), len(objects), sum(len(bytes(raw)) for raw in objects) // 100

    news()
    small = news()
    fill(talk, network, 3000)
    assert news() == small


def test_free_runs_are_made_anew_with_many_addresses(own_cloud: Cloud) -> None:
    talk = own_cloud.tenant()
    network, subnet = talk.network("10.0.0.0/22")
    talk.bulk("port", [{"network_id": network["id"]}] * 300)
    pools = [{"start": "10.0.0.2", "end": "10.0.1.255"}]
    talk.update("subnet", subnet["id"], allocation_pools=pools)
    with own_cloud.store.read() as tx:
        assert len(address_query.taken_addresses(tx, subnet["id"])) == 300
    check_counts(own_cloud, talk, {**subnet, "allocation_pools": pools})
