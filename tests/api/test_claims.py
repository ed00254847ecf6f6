"""Claims of minimum bandwidth and packet rates: what fits on a host, what is refused, and what is free."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from tests.api.conftest import Cloud, build
from tests.api.test_concurrency import together
from tests.api.test_qos import add, change, told, url

from heddle.view.types import Guarantees, Status

HAS = Guarantees(
    bandwidths={"br-ex": {"egress": 1000, "ingress": 2000}, "rp_tunnelled": {"egress": 300, "ingress": 300}},
    packets={"": 100},
)


NUMBERS = itertools.count(1)
CONFLICT = (409, "QosPlacementAllocationUpdateConflict")


class Claims:
    """Two hosts that can promise something, and an administrator who asks for it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.admin = cloud, cloud.admin
        number = next(NUMBERS)
        self.one, self.two = f"one{number}", f"two{number}"
        for host in (self.one, self.two):
            self.report(host)
        kind = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
        self.vlan = self.admin.create("network", {**kind, "provider:segmentation_id": 3000 + number})
        self.tunnel = self.admin.create("network", {"provider:network_type": "vxlan"})

    def report(self, host: str, *statuses: Status, has: Guarantees | None = HAS, started: float = 1.7e9) -> None:
        self.cloud.report(host, *statuses, physnets="physnet1", guarantees=has, started=started)

    def policy(self, **least: int) -> dict[str, Any]:
        """A policy with minima: of bandwidth by direction, or of packets (`any`)."""
        policy = self.admin.create("policy", name="min")
        for direction, amount in least.items():
            if direction == "any":
                add(self.admin, policy, "minimum_packet_rate", direction=direction, min_kpps=amount)
            else:
                add(self.admin, policy, "minimum_bandwidth", direction=direction, min_kbps=amount)
        return policy

    def port(self, network: dict[str, Any], policy: dict[str, Any] | None, host: str | None = None,
             owner: str = "") -> dict[str, Any]:  # fmt: skip
        id, on = policy["id"] if policy else None, self.one if host is None else host
        return self.admin.port(network, {"binding:host_id": on, "device_owner": owner}, qos_policy_id=id)

    def vif(self, port: dict[str, Any]) -> str:
        return str(self.admin.show("port", port["id"])["binding:vif_type"])

    def free(self, provider: str = "br-ex", direction: str = "egress", host: str = "") -> int:
        host, shown = host or self.one, self.admin.client.get("/heddle/v1/capacities").json()["capacities"]
        (found,) = [
            each for each in shown if (each["host"], each["provider"], each["direction"]) == (host, provider, direction)
        ]
        assert found["total"] - found["claimed"] == found["free"] and sum(found["ports"].values()) == found["claimed"]
        return int(found["free"])

    def faults(self) -> dict[str, str]:
        found = self.admin.client.get("/heddle/v1/hosts").json()["faults"]
        return {fault["id"]: fault["message"] for fault in found if fault["host"] in (self.one, self.two)}


@pytest.fixture(scope="module")
def promising(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud for the hosts of these tests alone."""
    made = build(tmp_path_factory.mktemp("claims"))
    yield made
    made.close()


@pytest.fixture
def net(promising: Cloud) -> Claims:
    return Claims(promising)


def test_the_record_of_an_agent_shows_what_its_host_can_promise(net: Claims) -> None:
    (agent,) = net.admin.list("agent", f"?host={net.one}&binary=neutron-openvswitch-agent")
    shown = agent["configurations"]
    assert shown["resource_provider_bandwidths"] == HAS.bandwidths
    assert shown["resource_provider_packet_processing_without_direction"] == {"": 100}
    (router,) = net.admin.list("agent", f"?host={net.one}&binary=neutron-l3-agent")
    assert "resource_provider_bandwidths" not in router["configurations"]


def test_a_port_claims_what_its_policy_asks_for_until_it_leaves(net: Claims) -> None:
    policy = net.policy(egress=600, ingress=100)
    first = net.port(net.vlan, policy)
    assert first["binding:vif_type"] == "ovs"
    assert (net.free(), net.free(direction="ingress"), net.free("rp_tunnelled")) == (400, 1900, 300)
    second = net.port(net.vlan, policy)
    assert (second["binding:vif_type"], second["binding:vif_details"]) == ("binding_failed", {})
    assert second["status"] == "DOWN"
    text = f"host {net.one} has 400 of 1000 kbps egress of br-ex free; the port asks for 600"
    assert net.faults() == {second["id"]: text}
    assert net.free() == 400, "what failed claims nothing"
    assert second["id"] not in told(net.cloud, net.one)[1].ports and first["id"] in told(net.cloud, net.one)[1].ports
    net.admin.update("port", second["id"], {"binding:host_id": net.two})
    assert (net.vif(second), net.free(host=net.two), net.faults()) == ("ovs", 400, {})
    assert second["id"] in told(net.cloud, net.two)[1].ports
    net.admin.update("port", second["id"], {"binding:host_id": net.one})
    assert (net.vif(second), net.free(host=net.two)) == ("binding_failed", 1000)
    net.admin.delete("port", first["id"])
    assert net.free() == 1000
    net.admin.update("port", second["id"], name="again")
    assert (net.vif(second), net.free(), net.faults()) == ("ovs", 400, {}), "it is tried again with each change"
    assert second["id"] in told(net.cloud, net.one)[1].ports
    net.admin.update("port", second["id"], {"binding:host_id": ""})
    assert (net.vif(second), net.free()) == ("unbound", 1000)


def test_a_port_that_was_refused_stays_so_whatever_its_host_says_and_can_go(net: Claims) -> None:
    port = net.port(net.vlan, net.policy(egress=1001))
    net.report(net.one, Status(kind="port", id=port["id"], revision=10**6, state="error", message="no"))
    assert port["id"] in net.faults()
    net.admin.update("port", port["id"], qos_policy_id=None)
    assert (net.vif(port), net.faults()) == ("ovs", {})
    other = net.port(net.vlan, net.policy(egress=1001))
    net.admin.delete("port", other["id"])
    net.report(net.one, started=1.7e9 + 1)
    assert net.faults() == {}


def test_tunnels_packets_and_hosts_that_tell_nothing(net: Claims) -> None:
    assert net.port(net.tunnel, net.policy(egress=300, any=60))["binding:vif_type"] == "ovs"
    assert (net.free("rp_tunnelled"), net.free("", "any"), net.free()) == (0, 40, 1000)
    assert net.port(net.tunnel, net.policy(egress=1))["binding:vif_type"] == "binding_failed"
    assert net.port(net.vlan, net.policy(egress=1, any=41))["binding:vif_type"] == "binding_failed"
    assert net.port(net.vlan, net.policy(egress=1, any=40))["binding:vif_type"] == "ovs"
    much = net.port(net.vlan, net.policy(ingress=2001))
    assert much["binding:vif_type"] == "binding_failed"
    said = f"host {net.one} has 2000 of 2000 kbps ingress of br-ex free; the port asks for 2001"
    assert net.faults()[much["id"]] == said
    assert net.port(net.vlan, net.policy(ingress=2000))["binding:vif_type"] == "ovs"
    one_way = net.admin.create("policy", name="one way")
    add(net.admin, one_way, "minimum_packet_rate", min_kpps=1)
    port = net.port(net.vlan, one_way)
    assert net.faults()[port["id"]] == f"host {net.one} has no kpps egress to guarantee; the port asks for 1"
    net.report("silent", has=None)
    assert net.port(net.vlan, net.policy(egress=1), host="silent")["binding:vif_type"] == "binding_failed"
    assert net.port(net.vlan, None, host="silent")["binding:vif_type"] == "ovs"
    assert net.port(net.vlan, net.policy(egress=1), host="")["binding:vif_type"] == "unbound"


def test_ports_of_one_request_claim_one_after_the_other(net: Claims) -> None:
    policy = net.policy(egress=400)
    wanted = {"network_id": net.vlan["id"], "binding:host_id": net.one, "qos_policy_id": policy["id"]}
    made = net.admin.bulk("port", [wanted] * 3)
    assert [port["binding:vif_type"] for port in made] == ["ovs", "ovs", "binding_failed"]
    assert net.free() == 200


def test_a_policy_that_does_not_fit_is_refused_to_a_port_that_is_bound(net: Claims) -> None:
    small, large = net.policy(egress=400), net.policy(egress=601)
    net.port(net.vlan, small)
    port = net.port(net.vlan, small)
    text = net.admin.no_update(*CONFLICT, "port", port["id"], qos_policy_id=large["id"])
    assert "has 600 of 1000 kbps egress of br-ex free; the port asks for 601" in text
    assert (net.admin.show("port", port["id"])["qos_policy_id"], net.free()) == (small["id"], 200)
    net.admin.update("port", port["id"], qos_policy_id=net.policy(egress=600)["id"])
    assert net.free() == 0
    net.admin.update("port", port["id"], qos_policy_id=None)
    assert net.free() == 600


def test_a_networks_policy_is_claimed_by_its_ports_without_one_of_their_own(net: Claims) -> None:
    for _ in range(2):
        net.port(net.vlan, None)
    net.port(net.vlan, net.policy(egress=100))
    net.admin.port(net.vlan, {"binding:host_id": net.one}, device_owner="network:dhcp", device_id="x")
    net.admin.no_update(*CONFLICT, "network", net.vlan["id"], qos_policy_id=net.policy(egress=451)["id"])
    assert net.free() == 900
    net.admin.update("network", net.vlan["id"], qos_policy_id=net.policy(egress=450)["id"])
    assert net.free() == 0
    assert net.port(net.vlan, None)["binding:vif_type"] == "binding_failed"
    net.admin.update("network", net.vlan["id"], qos_policy_id=net.policy(egress=10)["id"])
    assert net.free() == 880 and net.port(net.vlan, None)["binding:vif_type"] == "ovs"


def test_a_rule_is_changed_only_as_far_as_it_fits(net: Claims) -> None:
    policy = net.admin.create("policy", name="grows")
    for _ in range(2):
        net.port(net.vlan, policy)
    kind = "minimum_bandwidth"
    body = {f"{kind}_rule": {"min_kbps": 501}}
    net.admin.refused(*CONFLICT, "POST", url(policy, kind), body)
    assert net.admin.show("policy", policy["id"])["rules"] == []
    rule = add(net.admin, policy, kind, min_kbps=500)
    assert net.free() == 0
    net.admin.refused(*CONFLICT, "PUT", url(policy, kind, rule), body)
    change(net.admin, policy, kind, rule, min_kbps=100)
    assert net.free() == 800
    assert net.admin.client.call("DELETE", url(policy, kind, rule)).status == 204
    assert net.free() == 1000


def test_the_minimum_of_a_vm_is_changed_by_another_policy_only(net: Claims) -> None:
    policy = net.policy(egress=100)
    kind, rule = "minimum_bandwidth", policy_rule(net, policy)
    port = net.port(net.vlan, policy, owner="compute:nova")
    refusal = (501, "NotImplementedError")
    net.admin.refused(*refusal, "PUT", url(policy, kind, rule), {f"{kind}_rule": {"min_kbps": 1}})
    net.admin.refused(*refusal, "DELETE", url(policy, kind, rule))
    ingress = {f"{kind}_rule": {"min_kbps": 1, "direction": "ingress"}}
    net.admin.refused(*refusal, "POST", url(policy, kind), ingress)
    add(net.admin, policy, "bandwidth_limit", max_kbps=5000)
    net.admin.update("port", port["id"], qos_policy_id=net.policy(egress=200)["id"])
    change(net.admin, policy, kind, rule, min_kbps=1)
    assert net.free() == 800


def policy_rule(net: Claims, policy: dict[str, Any]) -> dict[str, Any]:
    (rule,) = net.admin.show("policy", policy["id"])["rules"]
    return dict(rule)


def test_a_binding_that_is_prepared_claims_too(net: Claims) -> None:
    policy = net.policy(egress=600)
    port, blocker = net.port(net.vlan, policy), net.port(net.vlan, policy, host=net.two)
    path = f"/v2.0/ports/{port['id']}/bindings"
    text = net.admin.refused(409, "PortBindingError", "POST", path, {"binding": {"host": net.two}})
    assert "has 400 of 1000 kbps egress of br-ex free" in text
    net.admin.delete("port", blocker["id"])
    assert net.admin.client.post(path, {"binding": {"host": net.two}}).status == 201
    assert (net.free(), net.free(host=net.two)) == (400, 400)
    assert net.admin.client.call("PUT", f"{path}/{net.two}/activate").status == 200
    assert (net.free(), net.free(host=net.two)) == (400, 400)
    assert net.admin.client.call("DELETE", f"{path}/{net.one}").status == 204
    assert (net.free(), net.free(host=net.two)) == (1000, 400)


def test_what_a_host_has_changes_with_its_agent(net: Claims) -> None:
    policy = net.policy(egress=600)
    net.port(net.vlan, policy)
    less = Guarantees(
        bandwidths={"br-ex": {"egress": 500, "ingress": 0}},
        bandwidth_defaults={"allocation_ratio": 2.0, "reserved": 100},
    )
    net.report(net.one, has=less, started=1.7e9 + 100)
    assert net.free() == (500 - 100) * 2 - 600
    net.report(net.one, has=Guarantees(), started=1.7e9 + 200)
    assert net.free() == -600, "it is promised, and not there"
    net.cloud.die(net.one)
    for agent in net.admin.list("agent", f"?host={net.one}"):
        net.admin.delete("agent", agent["id"])
    shown = net.admin.client.get("/heddle/v1/capacities").json()["capacities"]
    known = {each["host"] for each in shown}
    assert net.one not in known and net.two in known


def test_only_administrators_see_capacities(net: Claims) -> None:
    net.cloud.tenant().refused(403, "PolicyNotAuthorized", "GET", "/heddle/v1/capacities")


# At once


def test_ports_that_come_at_once_never_get_more_than_there_is(net: Claims) -> None:
    policy = net.policy(egress=300)
    parked = [net.port(net.vlan, policy, host="") for _ in range(4)]

    def make() -> None:
        for _ in range(3):
            net.port(net.vlan, policy, host=random.choice([net.one, net.two]))

    def move(port: dict[str, Any]) -> None:
        for host in (net.one, net.two, net.one):
            net.admin.update("port", port["id"], {"binding:host_id": host})

    together(*([make] * 3), *(partial(move, port) for port in parked))
    every = net.admin.list("port", f"?network_id={net.vlan['id']}")
    bound = [port for port in every if port["binding:vif_type"] == "ovs"]
    for host in (net.one, net.two):
        mine = [port for port in bound if port["binding:host_id"] == host]
        assert net.free(host=host) == 1000 - 300 * len(mine) >= 0
    assert net.free() == 100, "what there is was given"


def test_rules_policies_and_ports_that_come_at_once(net: Claims) -> None:
    for _ in range(5):
        policy, later = net.admin.create("policy", name="none yet"), net.policy(egress=400)
        kind = {"provider:network_type": "vlan", "provider:physical_network": "physnet1"}
        other = net.admin.create("network", {**kind, "provider:segmentation_id": 3500 + next(NUMBERS)})
        parked = net.port(other, None, host="")
        rule = {"minimum_bandwidth_rule": {"min_kbps": 400}}
        change_network = ("PUT", f"/v2.0/networks/{other['id']}", {"network": {"qos_policy_id": later["id"]}})
        move = ("PUT", f"/v2.0/ports/{parked['id']}", {"port": {"binding:host_id": net.one}})
        works: list[Callable[[], object]] = [
            *[partial(net.port, net.vlan, policy)] * 2,
            partial(net.port, other, None),
            partial(net.admin.client.post, url(policy, "minimum_bandwidth"), rule),
            partial(net.admin.client.call, *change_network),
            partial(net.admin.client.call, *move),
        ]
        random.shuffle(works)
        together(*works)  # type: ignore[arg-type]
        assert net.free() >= 0
        for network in (net.vlan, other):
            for port in net.admin.list("port", f"?network_id={network['id']}"):
                net.admin.delete("port", port["id"])
        assert net.free() == 1000
