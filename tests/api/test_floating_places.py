"""Where floating IPs are translated, as hosts are told: on the host of the guest, or with the router."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.mirrors import mirror_of
from tests.api.statements import counted
from tests.api.talk import Talk
from tests.api.test_floating_ip_races import at_once

from heddle.control import reports
from heddle.view.types import ReportRequest, RoleState, Status

OWNER = "network:floatingip_agent_gateway"
ROUNDS = 8


@dataclass
class Site:
    """`host1` carries the router, `host2` and `host3` have guests; `old` agents translate nothing."""

    cloud: Cloud
    admin: Talk
    external: dict[str, Any]
    network: dict[str, Any]
    router: dict[str, Any]
    port: dict[str, Any]
    floating: dict[str, Any]

    def place(self) -> str:
        """Where it is translated: all hosts that know of it are told the same."""
        views = [mirror_of(self.cloud, host).floating_ips.get(self.floating["id"]) for host in ("host1", "host2")]
        (told,) = {view.host for view in views if view} or {"none"}
        assert {port["binding:host_id"] for port in self.gates()} == {told} - {"", "none"}
        return told

    def gates(self) -> list[dict[str, Any]]:
        return self.admin.list("port", f"?device_owner={OWNER}")

    def status(self) -> str:
        return str(self.admin.show("floatingip", self.floating["id"])["status"])

    def say(self, host: str) -> None:
        """The host says that the floating IP is up, as it is now."""
        view = mirror_of(self.cloud, host).floating_ips[self.floating["id"]]
        report(self.cloud, host, Status(kind="floating_ip", id=view.id, revision=view.revision, state="up"))

    def more(self, cidr: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Another distributed router, and a port behind it on `host2`."""
        network, subnet = self.admin.network(cidr)
        outside = {"network_id": self.external["id"]}
        router = self.admin.create("router", distributed=True, external_gateway_info=outside)
        self.admin.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
        return router, self.admin.create("port", {"network_id": network["id"], "binding:host_id": "host2"})

    def convert(self, **values: Any) -> None:
        self.admin.update("router", self.router["id"], admin_state_up=False)
        self.admin.update("router", self.router["id"], values)
        self.admin.update("router", self.router["id"], admin_state_up=True)


def report(cloud: Cloud, host: str, *statuses: Status, able: bool = True, physnets: str = "public",
           datapath: str = "netdev", started: float = 1.0, routes: bool | None = None) -> None:  # fmt: skip
    switch = "bridge" if datapath == "bridge" else "switch"
    roles = [RoleState(role=switch, configuration={"translates_floating_ips": True} if able else {}),
             *([RoleState(role="router", configuration={"leaves_floating_ips": True} if able else {}),
                RoleState(role="dhcp")] if (host == "host1" if routes is None else routes) else [])]  # fmt: skip
    reports.report(cloud.store, cloud.settings, ReportRequest(
        host=host, started_at=started, roles=roles, tunnel_ip=f"192.0.2.{host[-1]}", datapath=datapath,
        bridge_mappings=dict.fromkeys(physnets.split(), "br-ex"), statuses=list(statuses),
    ))  # fmt: skip


@pytest.fixture
def site(own_cloud: Cloud) -> Iterator[Site]:
    admin = own_cloud.admin
    for host in ("host1", "host2", "host3"):
        report(own_cloud, host)
    external = admin.create("network", {"router:external": True, "provider:network_type": "flat",
                                        "provider:physical_network": "public"})  # fmt: skip
    admin.create("subnet", network_id=external["id"], ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False)
    network, subnet = admin.network("10.0.0.0/24")
    router = admin.create("router", distributed=True, external_gateway_info={"network_id": external["id"]})
    admin.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    port = admin.create("port", {"network_id": network["id"], "binding:host_id": "host2"})
    floating = admin.create("floatingip", floating_network_id=external["id"], port_id=port["id"])
    yield Site(own_cloud, admin, external, network, router, port, floating)


def test_the_host_of_the_guest_translates_and_says_so(site: Site) -> None:
    """Nobody else's word counts.  It learns of the external network with that, and another host does not."""
    assert (site.place(), site.status()) == ("host2", "DOWN")
    site.say("host1")
    assert site.status() == "DOWN"
    site.say("host2")
    assert site.status() == "ACTIVE"
    told, other = mirror_of(site.cloud, "host2"), mirror_of(site.cloud, "host3")
    (gate,) = site.gates()
    assert told.ports[gate["id"]].device_id == site.router["id"] and gate["fixed_ips"] == []
    assert site.external["id"] in told.networks and site.external["id"] not in other.networks
    assert other.floating_ips == {}
    site.admin.no_delete(409, "ServicePortInUse", "port", gate["id"])


def test_it_follows_the_guest_and_goes(site: Site) -> None:
    site.say("host2")
    site.admin.update("port", site.port["id"], {"binding:host_id": "host3"})
    assert [gate["binding:host_id"] for gate in site.gates()] == ["host3"] and site.status() == "DOWN"
    site.admin.update("port", site.port["id"], {"binding:host_id": "host1"})
    assert site.gates() == [] and mirror_of(site.cloud, "host1").floating_ips[site.floating["id"]].host == ""
    site.admin.update("port", site.port["id"], {"binding:host_id": "host2"})
    assert site.place() == "host2"
    site.admin.update("floatingip", site.floating["id"], port_id=None)
    assert site.place() == "none" and site.gates() == []
    site.admin.update("floatingip", site.floating["id"], port_id=site.port["id"])
    assert site.place() == "host2"
    site.admin.delete("port", site.port["id"])
    assert site.gates() == []
    site.admin.update("router", site.router["id"], external_gateway_info=None)


def test_two_of_one_host_share_its_port(site: Site) -> None:
    admin = site.admin
    port = admin.create("port", {"network_id": site.network["id"], "binding:host_id": "host2"})
    second = admin.create("floatingip", floating_network_id=site.external["id"], port_id=port["id"])
    assert len(site.gates()) == 1
    admin.delete("floatingip", site.floating["id"])
    assert len(site.gates()) == 1
    admin.delete("floatingip", second["id"])
    assert site.gates() == []


def test_it_comes_to_another_router_on_the_same_host(site: Site) -> None:
    router, port = site.more("10.1.0.0/24")
    for device, wanted in ((router, port), (site.router, site.port), (router, port)):
        site.admin.update("floatingip", site.floating["id"], port_id=wanted["id"])
        assert site.place() == "host2"
        assert [gate["device_id"] for gate in site.gates()] == [device["id"]]


def test_its_router_joins_the_guest_s_network_later(site: Site) -> None:
    """It was named before, as one that reaches the guest by way of others."""
    admin = site.admin
    network, subnet = admin.network("10.1.0.0/24")
    port = admin.create("port", {"network_id": network["id"], "binding:host_id": "host2"})
    admin.update("floatingip", site.floating["id"], port_id=port["id"], router_id=site.router["id"])
    assert site.place() == ""
    admin.put(f"/v2.0/routers/{site.router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    assert site.place() == "host2"


def test_a_role_that_a_host_has_no_longer_is_no_agent_started_anew(site: Site) -> None:
    """Its record stays as it was.  Where an agent is started anew, the places are looked at."""

    def places_read(started: float) -> bool:
        with counted(site.cloud.store) as statements:
            report(site.cloud, "host2", started=started, routes=False)
        return any("floatingips" in statement for statement in statements)

    report(site.cloud, "host2", routes=True)
    assert [places_read(started) for started in (2.0, 2.0, 3.0, 3.0)] == [True, False, True, False]


def test_places_of_many_cost_as_few_statements_as_of_one(site: Site) -> None:
    """Where nothing is other than before."""

    def cost(started: float) -> int:
        with counted(site.cloud.store) as statements:
            report(site.cloud, "host2", started=started)
        return len(statements)

    one = cost(2.0)
    for number in range(1, 4):
        _, port = site.more(f"10.{number}.0.0/24")
        site.admin.create("floatingip", floating_network_id=site.external["id"], port_id=port["id"])
    assert len(site.gates()) == 4 and cost(3.0) == one


@pytest.mark.timeout(120)
def test_one_comes_to_a_host_while_the_last_there_goes(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The port for its router stays or comes anew.  Nobody waits for one who waits for him."""
    admin = site.admin
    port = admin.create("port", {"network_id": site.network["id"], "binding:host_id": "host2"})
    second = admin.create("floatingip", floating_network_id=site.external["id"])
    pair = [(site.floating, site.port), (second, port)]
    with caplog.at_level("INFO", "heddle.store.engine"):
        for _ in range(ROUNDS):
            (goes, _), (comes, wanted) = pair
            assert at_once(admin, put(goes, None), put(comes, wanted["id"])) == [200, 200]
            assert [gate["binding:host_id"] for gate in site.gates()] == ["host2"]
            pair.reverse()
        for _ in range(ROUNDS):
            assert at_once(admin, *(put(each, None) for each, _ in pair)) == [200, 200] and site.gates() == []
            assert at_once(admin, *(put(each, wanted["id"]) for each, wanted in pair)) == [200, 200]
            assert [gate["binding:host_id"] for gate in site.gates()] == ["host2"]
    assert "deadlock" not in caplog.text.lower()


def put(floating: dict[str, Any], port_id: str | None) -> tuple[str, str, Any]:
    return "PUT", f"/v2.0/floatingips/{floating['id']}", {"floatingip": {"port_id": port_id}}


def test_all_of_a_router_that_is_distributed_no_longer_are_with_it(site: Site) -> None:
    """Whichever of them comes last."""
    for _ in range(4):
        port = site.admin.create("port", network_id=site.network["id"])
        site.admin.create("floatingip", floating_network_id=site.external["id"], port_id=port["id"])
    site.convert(distributed=False)
    assert site.place() == ""


def test_what_only_the_router_s_host_does_stays_there(site: Site) -> None:
    admin, router = site.admin, site.router["id"]
    changes: list[tuple[Callable[[], Any], Callable[[], Any]]] = []

    def gateway(snat: bool) -> Any:
        info = {"network_id": site.external["id"], "enable_snat": snat}
        return lambda: admin.update("router", router, external_gateway_info=info)

    changes.append((gateway(False), gateway(True)))
    changes.append((lambda: site.convert(distributed=False), lambda: site.convert(distributed=True)))
    changes.append((lambda: site.convert(ha=True), lambda: site.convert(ha=False)))
    policy = admin.create("policy", name="gold")["id"]

    def follows(policy_id: str | None) -> Any:
        return lambda: admin.update("floatingip", site.floating["id"], qos_policy_id=policy_id)

    changes.append((follows(policy), follows(None)))
    for network, name, values in ((site.external, "qos_policy_id", (policy, None)),
                                  (site.network, "heddle:subnet_isolation", (True, False))):  # fmt: skip
        take, give = ({name: value} for value in values)
        changes.append((lambda n=network, v=take: admin.update("network", n["id"], v),
                        lambda n=network, v=give: admin.update("network", n["id"], v)))  # fmt: skip
    labels: list[str] = []
    changes.append((lambda: labels.append(admin.create("metering_label", name="l")["id"]),
                    lambda: admin.delete("metering_label", labels[0])))  # fmt: skip
    changes.append((lambda: report(site.cloud, "host2", physnets="other", started=2.0),
                    lambda: report(site.cloud, "host2", started=3.0)))  # fmt: skip
    changes.append((lambda: report(site.cloud, "host2", able=False, started=4.0),
                    lambda: report(site.cloud, "host2", started=5.0)))  # fmt: skip
    changes.append((lambda: report(site.cloud, "host1", able=False, started=6.0),
                    lambda: report(site.cloud, "host1", started=7.0)))  # fmt: skip
    for number, (leave, come) in enumerate(changes):
        assert site.place() == "host2", number
        leave()
        assert site.place() == "", number
        come()
    assert site.place() == "host2"


def test_networks_where_not_all_meet_and_hosts_with_linux_bridges_leave_it_there(site: Site) -> None:
    admin = site.admin
    for values, host in (({"heddle:subnet_isolation": True}, "host2"), ({}, "host4"), ({}, "host2")):
        report(site.cloud, "host4", datapath="bridge")
        network, subnet = admin.network(f"10.{len(admin.list('network'))}.0.0/24")
        admin.update("network", network["id"], values) if values else None
        admin.put(f"/v2.0/routers/{site.router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
        port = admin.create("port", {"network_id": network["id"], "binding:host_id": host})
        made = admin.create("floatingip", floating_network_id=site.external["id"], port_id=port["id"])
        view = mirror_of(site.cloud, "host1").floating_ips[made["id"]]
        assert view.host == ("host2" if (values, host) == ({}, "host2") else "")


def test_when_the_host_is_dead_it_is_down(site: Site) -> None:
    site.say("host2")
    site.cloud.die("host2")
    assert (site.place(), site.status()) == ("host2", "DOWN")
    report(site.cloud, "host2")
    site.say("host2")
    assert site.status() == "ACTIVE"
