"""Ports: addresses, MAC addresses, groups, pairs, options, names, bindings."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses

ID = "7c241101-e2bb-4255-8caf-4136c566a963"


def test_a_port_has_the_defaults(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    made = blue.port(network)
    group = blue.list("security_group", "?name=default")[0]["id"]
    assert made["mac_address"].startswith("fa:16:3e:")
    wanted = {
        "name": "", "network_id": network["id"], "admin_state_up": True, "status": "DOWN", "device_id": "",
        "device_owner": "", "fixed_ips": [{"subnet_id": subnet["id"], "ip_address": "10.0.0.2"}],
        "allowed_address_pairs": [], "extra_dhcp_opts": [], "security_groups": [group],
        "port_security_enabled": True, "dns_name": "", "dns_domain": "",
        "description": "", "ip_allocation": "immediate",
        "dns_assignment": [
            {"hostname": "host-10-0-0-2", "ip_address": "10.0.0.2", "fqdn": "host-10-0-0-2.openstacklocal."}
        ],
        "data_plane_status": None, "propagate_uplink_status": True, "numa_affinity_policy": None,
        "device_profile": None, "trunk_details": None, "qos_policy_id": None,
        "qos_network_policy_id": None, "binding:vnic_type": "normal", "tags": [], "revision_number": 1,
        "project_id": blue.project_id, "pvlan_type": None, "pvlan_community": None,
        "tenant_id": blue.project_id, "mac_address": made["mac_address"], "id": made["id"],
        "created_at": made["created_at"], "updated_at": made["created_at"],
    }  # fmt: skip
    assert made == wanted
    assert blue.show("port", made["id"]) == made
    assert blue.list("port", f"?network_id={network['id']}") == [made]


def test_port_security_again_on_gives_no_group(blue: Talk) -> None:
    port = blue.port(blue.create("network", port_security_enabled=False))
    for value in (True, False):
        changed = blue.update("port", port["id"], port_security_enabled=value)
        assert (changed["port_security_enabled"], changed["security_groups"]) == (value, [])


def test_a_filter_by_what_is_not_seen_finds_ones_own(admin: Talk, blue: Talk, red: Talk) -> None:
    network = blue.create("network", shared=False)
    number = admin.show("network", network["id"])["provider:segmentation_id"]
    query = f"?provider:segmentation_id={number}"
    assert [found["id"] for found in blue.list("network", query)] == [network["id"]]
    assert "provider:segmentation_id" not in blue.list("network", query)[0]
    shared = admin.create("network", shared=True)
    seen = admin.show("network", shared["id"])["provider:segmentation_id"]
    assert shared["id"] in [found["id"] for found in red.list("network")]
    assert red.list("network", f"?provider:segmentation_id={seen}") == []
    admin.delete("network", shared["id"])


def test_the_administrator_sees_the_binding(admin: Talk, blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    shown = admin.show("port", blue.port(network)["id"])
    binding = {name: value for name, value in shown.items() if name.startswith("binding:")}
    assert binding == {
        "binding:host_id": "", "binding:vif_type": "unbound", "binding:vif_details": {}, "binding:profile": {},
        "binding:vnic_type": "normal",
    }  # fmt: skip


def test_a_port_is_bound_to_a_host_that_is_known(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("bindhost")
    network, _ = blue.network("10.0.0.0/24")
    port = blue.port(network)
    blue.no_update(403, "PolicyNotAuthorized", "port", port["id"], {"binding:host_id": "bindhost"})
    bound = admin.update("port", port["id"], {"binding:host_id": "bindhost", "binding:profile": {"a": 1}})
    assert (bound["binding:vif_type"], bound["binding:profile"]) == ("ovs", {"a": 1})
    assert bound["binding:vif_details"]["bridge_name"] == "br-int"
    failed = admin.update("port", port["id"], {"binding:host_id": "unknown"})
    assert failed["binding:vif_type"] == "binding_failed"
    free = admin.update("port", port["id"], {"binding:host_id": None})
    assert (free["binding:vif_type"], free["binding:host_id"]) == ("unbound", "")
    direct = admin.update("port", port["id"], {"binding:host_id": "bindhost", "binding:vnic_type": "direct"})
    assert direct["binding:vif_type"] == "binding_failed"
    assert admin.ids("port", "?binding:host_id=bindhost&device_owner=") == [port["id"]]
    vlan = admin.create("network", {"provider:network_type": "vlan", "provider:physical_network": "physnet1"})
    far = admin.create("port", {"network_id": vlan["id"], "binding:host_id": "bindhost"})
    assert far["binding:vif_type"] == "binding_failed"


def test_ports_in_bulk(blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    made = blue.bulk("port", [{"network_id": network["id"], "name": str(n)} for n in range(5)])
    assert [addresses(port) for port in made] == [[f"10.0.0.{n}"] for n in range(2, 7)]
    body = [{"network_id": network["id"]}, {"network_id": network["id"], "fixed_ips": [{"ip_address": "10.0.0.2"}]}]
    answer = blue.client.post("/v2.0/ports", {"ports": body})
    assert answer.status == 409 and len(blue.list("port", "?device_owner=")) == 5
    assert addresses(blue.port(network)) == ["10.0.0.7"]
    twice = [{"network_id": network["id"], "fixed_ips": [{"ip_address": "10.0.0.99"}]}] * 2
    blue.refused(409, "IpAddressAlreadyAllocated", "POST", "/v2.0/ports", {"ports": twice})
    twice = [{"network_id": network["id"], "mac_address": "fa:16:3e:11:11:11"}] * 2
    blue.refused(409, "MacAddressInUse", "POST", "/v2.0/ports", {"ports": twice})


def test_an_address_of_ones_choice(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    port = blue.port(network, fixed_ips=[{"ip_address": "10.0.0.50"}])
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.50"}]
    again = {"network_id": network["id"], "fixed_ips": [{"ip_address": "10.0.0.50"}]}
    assert "10.0.0.50" in blue.no_create(409, "IpAddressAlreadyAllocated", "port", again)
    by_subnet = blue.port(network, fixed_ips=[{"subnet_id": subnet["id"]}])
    assert addresses(by_subnet) == ["10.0.0.2"]
    both = blue.port(network, fixed_ips=[{"subnet_id": subnet["id"]}, {"ip_address": "10.0.0.60"}])
    assert addresses(both) == ["10.0.0.3", "10.0.0.60"]
    none = blue.port(network, fixed_ips=[])
    assert (none["fixed_ips"], none["ip_allocation"]) == ([], "none")
    blue.delete("port", port["id"])
    assert addresses(blue.create("port", again)) == ["10.0.0.50"]


@pytest.mark.parametrize(
    ("fixed_ips", "status", "kind", "says"),
    [
        ([{"ip_address": "10.0.1.5"}], 400, "InvalidIpForNetwork", "10.0.1.5"),
        ([{"ip_address": "10.0.0.0"}], 400, "InvalidIpForSubnet", "10.0.0.0"),
        ([{"ip_address": "10.0.0.255"}], 400, "InvalidIpForSubnet", "10.0.0.255"),
        ([{"subnet_id": ID}], 400, "InvalidInput", ID),
        ([{"ip_address": "10.0.0.5"}, {"ip_address": "10.0.0.5"}], 400, "HTTPBadRequest", "10.0.0.5"),
        ([{"ip_address": f"10.0.0.{n}"} for n in range(10, 16)], 400, "InvalidInput", "fixed ips"),
        ([{"ip_address": "10.0.0.256"}], 400, "HTTPBadRequest", "10.0.0.256"),
        ([{}], 400, "HTTPBadRequest", "fixed_ips"),
        (None, 400, "HTTPBadRequest", "fixed_ips"),
    ],
)
def test_wrong_addresses_are_refused(blue: Talk, fixed_ips: Any, status: int, kind: str, says: str) -> None:
    network, _ = blue.network("10.0.0.0/24")
    body = {"network_id": network["id"], "fixed_ips": fixed_ips}
    assert says in blue.no_create(status, kind, "port", body)
    port = blue.port(network)
    assert says in blue.no_update(status, kind, "port", port["id"], fixed_ips=fixed_ips)
    assert addresses(blue.show("port", port["id"])) == ["10.0.0.2"]
    assert addresses(blue.port(network)) == ["10.0.0.3"]


def test_addresses_are_changed_and_given_back(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    port = blue.port(network)
    new = blue.update("port", port["id"], fixed_ips=[{"ip_address": "10.0.0.2"}, {"ip_address": "10.0.0.9"}])
    assert addresses(new) == ["10.0.0.2", "10.0.0.9"]
    new = blue.update("port", port["id"], fixed_ips=[{"ip_address": "10.0.0.9", "subnet_id": subnet["id"]}])
    assert addresses(new) == ["10.0.0.9"] and new["revision_number"] == 3
    assert addresses(blue.port(network)) == ["10.0.0.2"]
    assert blue.update("port", port["id"], fixed_ips=[])["fixed_ips"] == []
    assert addresses(blue.port(network, fixed_ips=[{"ip_address": "10.0.0.9"}])) == ["10.0.0.9"]


def test_several_subnets(blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/30")
    blue.subnet(network, "10.0.1.0/30")
    assert sorted(addresses(blue.port(network)) for _ in range(2)) == [["10.0.0.2"], ["10.0.1.2"]]
    blue.no_create(409, "IpAddressGenerationFailure", "port", network_id=network["id"])


def test_a_mac_address_of_ones_choice(admin: Talk, blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    port = blue.port(network, mac_address="FA-16-3E-AA-BB-CC")
    assert port["mac_address"] == "fa:16:3e:aa:bb:cc"
    body = {"network_id": network["id"], "mac_address": "fa:16:3e:aa:bb:cc"}
    assert "fa:16:3e:aa:bb:cc" in blue.no_create(409, "MacAddressInUse", "port", body)
    other, _ = blue.network("10.0.0.0/24")
    blue.port(other, mac_address="fa:16:3e:aa:bb:cc")
    blue.no_update(403, "PolicyNotAuthorized", "port", port["id"], mac_address="fa:16:3e:aa:bb:cd")
    assert admin.update("port", port["id"], mac_address="fa:16:3e:aa:bb:cd")["mac_address"].endswith("cd")


def test_slaac_addresses_follow_the_mac(blue: Talk) -> None:
    network = blue.create("network")
    blue.subnet(network, "2001:db8::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    made = blue.port(network, mac_address="fa:16:3e:12:34:56")
    assert addresses(made) == ["2001:db8::f816:3eff:fe12:3456"]
    body = {"network_id": network["id"], "fixed_ips": [{"ip_address": "2001:db8::99"}]}
    blue.no_create(400, "AllocationOnAutoAddressSubnet", "port", body)
    v4 = blue.subnet(network, "10.0.0.0/24")
    both = blue.port(network, mac_address="fa:16:3e:12:34:57")
    assert addresses(both) == ["10.0.0.2", "2001:db8::f816:3eff:fe12:3457"]
    del v4
    later = blue.subnet(
        network, "2001:db8:1::/64", ipv6_ra_mode="dhcpv6-stateless", ipv6_address_mode="dhcpv6-stateless"
    )
    assert addresses(blue.show("port", made["id"]))[-1] == "2001:db8:1:0:f816:3eff:fe12:3456"
    blue.delete("subnet", later["id"])
    assert addresses(blue.show("port", made["id"])) == ["2001:db8::f816:3eff:fe12:3456"]


def test_stateful_ipv6_addresses_are_given_out(blue: Talk) -> None:
    network = blue.create("network")
    modes = {"ipv6_ra_mode": "dhcpv6-stateful", "ipv6_address_mode": "dhcpv6-stateful"}
    blue.subnet(network, "2001:db8::/64", **modes)
    blue.subnet(network, "10.0.0.0/24")
    assert addresses(blue.port(network)) == ["10.0.0.2", "2001:db8::2"]
    port = blue.port(network, fixed_ips=[{"ip_address": "2001:DB8:0::AAAA"}])
    assert addresses(port) == ["2001:db8::aaaa"]


def test_allowed_address_pairs(blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    pairs = [{"ip_address": "10.0.0.100"}, {"ip_address": "10.1.0.5/24", "mac_address": "fa:16:3e:00:00:99"}]
    port = blue.port(network, allowed_address_pairs=pairs)
    assert port["allowed_address_pairs"] == [
        {"ip_address": "10.0.0.100", "mac_address": port["mac_address"]},
        {"ip_address": "10.1.0.5/24", "mac_address": "fa:16:3e:00:00:99"},
    ]
    assert blue.update("port", port["id"], allowed_address_pairs=[])["allowed_address_pairs"] == []
    many = [{"ip_address": f"10.2.0.{n}"} for n in range(11)]
    blue.no_update(400, "AllowedAddressPairExhausted", "port", port["id"], allowed_address_pairs=many)
    blue.update("port", port["id"], port_security_enabled=False, security_groups=[])
    blue.no_update(409, "AddressPairAndPortSecurityRequired", "port", port["id"], allowed_address_pairs=pairs)


def test_port_security_and_groups(blue: Talk, red: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    port = blue.port(network)
    blue.no_update(
        409, "PortSecurityPortHasSecurityGroup", "port", port["id"], port_security_enabled=False
    )  # fmt: skip
    open_port = blue.update("port", port["id"], port_security_enabled=False, security_groups=[])
    assert (open_port["port_security_enabled"], open_port["security_groups"]) == (False, [])
    group = blue.create("security_group", name="web")
    back = blue.update("port", port["id"], port_security_enabled=True, security_groups=[group["id"]])
    assert back["security_groups"] == [group["id"]]
    assert blue.ids("port", f"?security_groups={group['id']}") == [port["id"]]
    foreign = red.list("security_group")[0]["id"]
    blue.no_update(404, "SecurityGroupNotFound", "port", port["id"], security_groups=[foreign])
    blue.no_update(404, "SecurityGroupNotFound", "port", port["id"], security_groups=[ID])
    assert blue.update("port", port["id"], security_groups=None)["security_groups"] == []


def test_dhcp_options(blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    options = [{"opt_name": "mtu", "opt_value": "1400"}, {"opt_name": "boot", "opt_value": "a", "ip_version": "6"}]
    port = blue.port(network, extra_dhcp_opts=options)
    assert port["extra_dhcp_opts"] == [
        {"opt_name": "mtu", "opt_value": "1400", "ip_version": 4},
        {"opt_name": "boot", "opt_value": "a", "ip_version": 6},
    ]
    change = [{"opt_name": "mtu", "opt_value": None}, {"opt_name": "router", "opt_value": "10.0.0.9"}]
    new = blue.update("port", port["id"], extra_dhcp_opts=change)
    assert sorted(option["opt_name"] for option in new["extra_dhcp_opts"]) == ["boot", "router"]


def test_names(blue: Talk) -> None:
    network = blue.create("network", dns_domain="Blue.Example.")
    blue.subnet(network, "10.0.0.0/24")
    port = blue.port(network, dns_name="Web")
    assert (network["dns_domain"], port["dns_name"]) == ("blue.example.", "web")
    assert port["dns_assignment"] == [
        {"hostname": "web", "ip_address": "10.0.0.2", "fqdn": "web.blue.example."}
    ]  # fmt: skip


def test_whose_port_it_may_be(admin: Talk, blue: Talk, red: Talk) -> None:
    network = admin.create("network", shared=True)
    subnet = admin.subnet(network, "10.0.0.0/24")
    body = {"network_id": network["id"]}
    red.no_create(403, "PolicyNotAuthorized", "port", body, mac_address="fa:16:3e:01:02:03")
    red.no_create(403, "PolicyNotAuthorized", "port", body, device_owner="network:dhcp")
    red.no_create(403, "PolicyNotAuthorized", "port", body, fixed_ips=[{"ip_address": "10.0.0.77"}])
    red.no_create(403, "PolicyNotAuthorized", "port", body, port_security_enabled=False)
    red.no_create(403, "PolicyNotAuthorized", "port", body, allowed_address_pairs=[{"ip_address": "10.0.0.9"}])
    port = red.create("port", body, fixed_ips=[{"subnet_id": subnet["id"]}])
    assert red.ids("port") == [port["id"]] and blue.ids("port") == []
    blue.no_delete(404, "PortNotFound", "port", port["id"])


def test_a_dhcp_port_comes_and_goes_with_the_subnets(own_cloud: Cloud) -> None:
    blue, admin = own_cloud.tenant(), own_cloud.admin
    network, subnet = blue.network("10.0.0.0/24")
    assert blue.list("port", "?device_owner=network:dhcp") == []
    own_cloud.report("dhcphost")
    (port,) = blue.list("port", "?device_owner=network:dhcp")
    assert (addresses(port), port["security_groups"], port["port_security_enabled"]) == (["10.0.0.2"], [], False)
    shown = admin.show("port", port["id"])
    assert shown["binding:host_id"] == "dhcphost" and shown["device_id"].startswith("dhcp")
    second = blue.subnet(network, "10.1.0.0/24")
    assert sorted(addresses(blue.show("port", port["id"]))) == ["10.0.0.2", "10.1.0.2"]
    blue.update("subnet", subnet["id"], enable_dhcp=False)
    assert addresses(blue.show("port", port["id"])) == ["10.1.0.2"]
    blue.update("subnet", subnet["id"], enable_dhcp=True)
    blue.delete("subnet", second["id"])
    (port,) = blue.list("port", "?device_owner=network:dhcp")
    assert addresses(port) == ["10.0.0.2"]
    blue.delete("network", network["id"])
    assert admin.list("port", "?device_owner=network:dhcp") == []
