"""Hosts with Linux bridges, as the API shows them and binds ports to them."""

from __future__ import annotations

from tests.api.conftest import Cloud

from heddle.view.types import Status


def test_a_port_on_a_host_with_bridges(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1", physnets="physnet1", datapath="bridge")
    own_cloud.report("host2", physnets="physnet1")
    network = blue.create("network")
    port = admin.update("port", blue.port(network)["id"], **{"binding:host_id": "host1"})
    assert port["binding:vif_type"] == "bridge"
    assert port["binding:vif_details"] == {
        "port_filter": True, "connectivity": "l2", "bound_drivers": {"0": "linuxbridge"}
    }
    moved = admin.update("port", port["id"], **{"binding:host_id": "host2"})
    assert (moved["binding:vif_type"], moved["binding:vif_details"]["bridge_name"]) == ("ovs", "br-int")


def test_types_that_bridges_do_not_carry(own_cloud: Cloud) -> None:
    """A physical network without a card, and tunnels that bridges have not, beside those that they have."""
    admin = own_cloud.admin
    own_cloud.report("host1", physnets="physnet1", datapath="bridge")
    own_cloud.report("host2", physnets="physnet1")
    wanted = {
        ("gre", ""): "binding_failed", ("geneve", ""): "binding_failed", ("vxlan", ""): "bridge",
        ("local", ""): "bridge",
        ("flat", "physnet1"): "bridge", ("flat", "public"): "binding_failed", ("vlan", "physnet1"): "bridge",
    }
    found = {}
    for kind, physnet in wanted:
        more = {"provider:physical_network": physnet} if physnet else {}
        network = admin.create("network", **{"provider:network_type": kind}, **more)
        port = admin.create("port", network_id=network["id"], **{"binding:host_id": "host1"})
        found[kind, physnet] = port["binding:vif_type"]
        if kind == "gre":
            other = admin.create("port", network_id=network["id"], **{"binding:host_id": "host2"})
            assert other["binding:vif_type"] == "ovs"
    assert found == wanted


def test_a_port_that_bridges_do_not_carry_says_so(own_cloud: Cloud) -> None:
    """Its host is told of it and refuses it: the port is ERROR, and goes to another host."""
    admin = own_cloud.admin
    for host, datapath in (("host1", "bridge"), ("host2", "netdev")):
        own_cloud.report(host, datapath=datapath)
    network = admin.create("network", **{"provider:network_type": "geneve"})
    port = admin.create("port", network_id=network["id"], **{"binding:host_id": "host1"})
    own_cloud.report("host1", Status(kind="port", id=port["id"], revision=10**6, state="error", message="no geneve"),
                     datapath="bridge")  # fmt: skip
    assert admin.show("port", port["id"])["status"] == "ERROR"
    faults = admin.client.get("/heddle/v1/hosts").json()["faults"]
    assert [(each["host"], each["id"], each["message"]) for each in faults] == [("host1", port["id"], "no geneve")]
    moved = admin.update("port", port["id"], **{"binding:host_id": "host2"})
    assert (moved["binding:vif_type"], moved["status"]) == ("ovs", "DOWN")


def test_the_record_of_its_agent(own_cloud: Cloud) -> None:
    own_cloud.report("host1", datapath="bridge")
    own_cloud.report("host2")
    (agent,) = own_cloud.admin.list("agent", "?host=host1&binary=neutron-linuxbridge-agent")
    assert (agent["agent_type"], agent["topic"], agent["alive"]) == ("Linux bridge agent", "N/A", True)
    assert own_cloud.admin.list("agent", "?host=host1&binary=neutron-openvswitch-agent") == []
    assert own_cloud.admin.list("agent", "?host=host2&binary=neutron-linuxbridge-agent") == []
