"""Hosts that fall silent: who is dead and when, what becomes of what they served, and who looks for them."""

from __future__ import annotations

from threading import Event
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses

from heddle.control import duties
from heddle.control.duties import LEASE_SECONDS, Duty, Keeper, LeaseLost, Term
from heddle.store import changes
from heddle.store import tables as t
from heddle.view.types import Status, host_scope


class Net:
    """A network with a subnet, a router and a floating IP; the project's own."""

    def __init__(self, cloud: Cloud, **more: Any) -> None:
        self.admin, self.blue = cloud.admin, cloud.tenant()
        self.external = self.admin.create("network", {"router:external": True})
        self.admin.subnet(self.external, "203.0.113.0/24", enable_dhcp=False)
        self.network = self.blue.create("network", **more)
        self.subnet = self.blue.subnet(self.network, "10.0.0.0/24")
        gateway = {"network_id": self.external["id"]}
        self.router = self.blue.create("router", external_gateway_info=gateway, **more)
        path = f"/v2.0/routers/{self.router['id']}/add_router_interface"
        self.blue.put(path, {"subnet_id": self.subnet["id"]})
        port = self.blue.port(self.network)
        self.floating = self.blue.create("floatingip", floating_network_id=self.external["id"], port_id=port["id"])

    @property
    def server(self) -> dict[str, Any]:
        (port,) = self.admin.list("port", f"?network_id={self.network['id']}&device_owner=network:dhcp")
        return port

    @property
    def carriers(self) -> set[str]:
        """The hosts of the router's ports, and those that the scheduler names."""
        ports = self.admin.list("port", f"?device_id={self.router['id']}")
        agents = self.admin.client.get(f"/v2.0/routers/{self.router['id']}/l3-agents").json()["agents"]
        return {port["binding:host_id"] for port in ports} | {agent["host"] for agent in agents}


def alive(admin: Talk) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for agent in admin.list("agent"):
        found[agent["host"]] = found.get(agent["host"], True) and agent["alive"]
    return found


def revision(cloud: Cloud) -> int:
    with cloud.store.read() as tx:
        return changes.current_revision(tx.conn)


def test_what_a_dead_host_served_moves(own_cloud: Cloud) -> None:
    own_cloud.report("host1")
    net = Net(own_cloud)
    admin, blue = net.admin, net.blue
    own_cloud.report("host2")
    translated = Status(kind="floating_ip", id=net.floating["id"], revision=revision(own_cloud), state="up")
    own_cloud.report("host1", translated)
    old, before = net.server, revision(own_cloud)
    assert net.carriers == {old["binding:host_id"]} == {"host1"}
    own_cloud.silence("host1", seconds=70)
    own_cloud.look()
    assert alive(admin) == {"host1": True, "host2": True} and net.carriers == {"host1"}
    own_cloud.silence("host1", seconds=10)
    own_cloud.look()
    assert alive(admin) == {"host1": False, "host2": True}
    assert net.carriers == {"host2"} and blue.show("router", net.router["id"])["status"] == "ACTIVE"
    assert blue.show("floatingip", net.floating["id"])["status"] == "DOWN"
    new = net.server
    assert new["binding:host_id"] == "host2" and new["device_id"] != old["device_id"] and new["status"] == "DOWN"
    assert (new["id"], new["mac_address"], addresses(new)) == (old["id"], old["mac_address"], addresses(old))
    with own_cloud.store.read() as tx:
        news = changes.scope_news(tx.conn, [host_scope("host1"), host_scope("host2")], before)
    assert all(entry.deleted for entry in news[host_scope("host1")])
    assert {entry.kind for entry in news[host_scope("host2")] if not entry.deleted} == {"assignment", "port"}
    own_cloud.report("host1")
    own_cloud.look()
    assert alive(admin) == {"host1": True, "host2": True} and net.carriers == {"host2"}, "nothing moves back"
    assert [agent["alive"] for agent in admin.list("agent", "?alive=true&host=host1")] == [True] * 3
    other = blue.network("10.9.0.0/24")[0]
    (server,) = admin.list("port", f"?network_id={other['id']}&device_owner=network:dhcp")
    assert server["binding:host_id"] == "host1", "what is new goes to the least loaded host"


def test_ports_of_a_dead_host_are_down_until_it_reports_them(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    own_cloud.report("host1")
    network, _ = admin.network("10.0.0.0/24")
    ports = [admin.create("port", {"network_id": network["id"], "binding:host_id": f"host{n}"}) for n in (1, 2)]
    own_cloud.report("host2")
    up = [Status(kind="port", id=port["id"], revision=revision(own_cloud), state="up") for port in ports]
    assert not own_cloud.report("host1", up[0]).repeat and not own_cloud.report("host2", up[1]).repeat
    own_cloud.die("host1")
    assert [admin.show("port", port["id"])["status"] for port in ports] == ["DOWN", "ACTIVE"]
    assert own_cloud.report("host1").repeat, "the agent is asked to tell all statuses again"
    assert not own_cloud.report("host1", up[0]).repeat
    assert [admin.show("port", port["id"])["status"] for port in ports] == ["ACTIVE", "ACTIVE"]


def test_what_nobody_else_can_serve_stays_and_is_told(own_cloud: Cloud) -> None:
    """Not without the role's agent enabled, not without the physical network, not in another zone."""
    own_cloud.report("host1", zone="east", physnets="public")
    net = Net(own_cloud, availability_zone_hints=["east"])
    own_cloud.report("host2", zone="west")
    own_cloud.report("host3", zone="east")
    for agent in net.admin.list("agent", "?host=host3"):
        net.admin.update("agent", agent["id"], admin_state_up=False)
    own_cloud.die("host1")
    assert net.carriers == {"host1"} and net.server["binding:host_id"] == "host1"
    faults = net.admin.client.get("/heddle/v1/hosts").json()["faults"]
    assert {(f["kind"], f["id"]) for f in faults} == {("router", net.router["id"]), ("network", net.network["id"])}
    assert all("host1 is dead" in f["message"] for f in faults)
    own_cloud.report("host4", zone="east", physnets="")
    assert net.server["binding:host_id"] == "host4", "a host that comes is given what waits"
    assert net.carriers in ({"host1"}, {"host4"})
    own_cloud.report("host5", zone="east")
    assert net.carriers <= {"host4", "host5"}
    assert net.admin.client.get("/heddle/v1/hosts").json()["faults"] == []


def test_a_router_waits_for_a_host_on_its_networks(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    own_cloud.report("host1", physnets="physnet1")
    own_cloud.report("host2", physnets="")
    external = admin.create("network", {"router:external": True, "provider:network_type": "vlan",
                                        "provider:physical_network": "physnet1"})  # fmt: skip
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    router = admin.create("router", {"external_gateway_info": {"network_id": external["id"]}})
    own_cloud.die("host1")
    (gateway,) = admin.list("port", f"?device_id={router['id']}")
    assert gateway["binding:host_id"] == "host1"
    own_cloud.report("host3", physnets="physnet1")
    assert admin.show("port", gateway["id"])["binding:host_id"] == "host3"


def test_load_is_spread(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    own_cloud.report("host1")
    for number in range(6):
        admin.network(f"10.{number}.0.0/24")
    own_cloud.report("host2")
    own_cloud.report("host3")
    own_cloud.die("host1")
    found = [port["binding:host_id"] for port in admin.list("port", "?device_owner=network:dhcp")]
    assert sorted(found) == ["host2"] * 3 + ["host3"] * 3


def test_a_role_that_a_host_no_longer_has_is_dead_alone(own_cloud: Cloud) -> None:
    own_cloud.report("host1")
    net = Net(own_cloud)
    own_cloud.report("host2")
    with own_cloud.store.engine.begin() as conn:
        mine = (t.agents.c.role == "router", t.agents.c.host == "host1")
        conn.execute(t.agents.update().where(*mine).values(heartbeat=1))
    own_cloud.look()
    assert net.carriers == {"host2"} and net.server["binding:host_id"] == "host1"
    assert sum(agent["alive"] for agent in net.admin.list("agent", "?host=host1")) == 2


# Who looks, and from when silence counts


class Machine:
    """A server process that has just started, with a clock of its own."""

    def __init__(self, cloud: Cloud, *more: Duty) -> None:
        self.now, self.connected = 0.0, True
        every = (*duties.DUTIES, *more)
        self.keeper = Keeper(cloud.store, cloud.settings, lambda: self.connected, every, lambda: self.now)

    def listen(self, seconds: float, step: float = 3.0) -> bool:
        """Look regularly for some time; whether it has the lease at the end."""
        end, held = self.now + seconds, False
        while self.now < end:
            self.now += step
            held = self.keeper.look()
        return held


def test_nobody_is_dead_before_he_could_report(own_cloud: Cloud) -> None:
    own_cloud.report("host1")
    own_cloud.report("host2")
    own_cloud.silence(seconds=600)
    machine = Machine(own_cloud)
    assert machine.listen(72)
    assert alive(own_cloud.admin) == {"host1": True, "host2": True}, "the server has just started"
    machine.connected = False
    assert not machine.listen(3)
    machine.connected = True
    machine.listen(72)
    assert alive(own_cloud.admin) == {"host1": True, "host2": True}, "the broker was away"
    machine.now += 600
    machine.listen(72)
    assert alive(own_cloud.admin) == {"host1": True, "host2": True}, "the database or the machine was away"
    own_cloud.report("host2")
    machine.listen(6)
    assert alive(own_cloud.admin) == {"host1": False, "host2": True}


def test_one_process_has_the_duties(own_cloud: Cloud) -> None:
    done: list[str] = []
    one = Machine(own_cloud, Duty("mine", 3, lambda term: done.append("one")))
    other = Machine(own_cloud, Duty("mine", 3, lambda term: done.append("other")))
    assert one.listen(9) and not other.listen(9)
    assert set(done) == {"one"}
    term = Term(own_cloud.store, own_cloud.settings, other.keeper.holder, 0)
    with pytest.raises(LeaseLost):
        term.write(lambda ctx: pytest.fail("written without the lease"))
    one.keeper.give_back()
    assert other.listen(3) and not one.listen(3), "given back, taken at once"
    with own_cloud.store.engine.begin() as conn:
        conn.execute(t.leases.update().values(expires=t.leases.c.expires - LEASE_SECONDS))
    assert one.listen(3) and not other.listen(3), "a holder that was killed is replaced when its time is over"


def test_a_duty_that_fails_does_not_keep_others_from_their_turn(own_cloud: Cloud) -> None:
    def fail(term: Term) -> None:
        raise ValueError("on purpose")

    own_cloud.report("host1")
    machine = Machine(own_cloud, Duty("bad", 3, fail))
    machine.listen(90)
    own_cloud.silence()
    machine.listen(3)
    assert alive(own_cloud.admin) == {"host1": False}
    stopping = Event()
    stopping.set()
    machine.keeper.run(stopping)
