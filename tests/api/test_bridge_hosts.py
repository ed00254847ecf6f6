"""Hosts with Linux bridges, as the API shows them and binds ports to them."""

from __future__ import annotations

from tests.api.conftest import Cloud


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


def test_the_record_of_its_agent(own_cloud: Cloud) -> None:
    own_cloud.report("host1", datapath="bridge")
    own_cloud.report("host2")
    (agent,) = own_cloud.admin.list("agent", "?host=host1&binary=neutron-linuxbridge-agent")
    assert (agent["agent_type"], agent["topic"], agent["alive"]) == ("Linux bridge agent", "N/A", True)
    assert own_cloud.admin.list("agent", "?host=host1&binary=neutron-openvswitch-agent") == []
    assert own_cloud.admin.list("agent", "?host=host2&binary=neutron-linuxbridge-agent") == []
