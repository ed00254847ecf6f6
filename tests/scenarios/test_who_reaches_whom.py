"""Who reaches whom, from the API to packets: projects that share groups, and what each change opens and closes.

Server and agent run as a user runs them; guests are namespaces plugged as a virtual machine is.  Every "blocked" stands
beside an "open" of the same guests.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.client import ApiError, Client, log_in
from bench.cloud import NAME, URL, Cloud, running
from tests.real.testhost import wait_until
from tests.real.traffic import connects, eventually, listening

TOOLS = ("ovs-vswitchd", "ovsdb-server", "nft", "unshare")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, TOOLS)), reason="needs root and OVS"),
]
V3 = "/identity/v3"


class Project:
    """A project with one member, who calls the API."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.cloud, password = cloud, secrets.token_urlsafe(16)
        self.id: str = cloud.api.call("POST", f"{V3}/projects", {"project": {"name": name}})["project"]["id"]
        user = cloud.api.call("POST", f"{V3}/users", {"user": {"name": name, "password": password}})["user"]["id"]
        roles = {role["name"]: role["id"] for role in cloud.api.call("GET", f"{V3}/roles")["roles"]}
        cloud.api.call("PUT", f"{V3}/projects/{self.id}/users/{user}/roles/{roles['member']}")
        words = {"username": name, "password": password, "project_name": name}
        token, _ = log_in(f"{URL}/identity/v3", words, dial=cloud.space.dial)
        self.api = Client(URL, {"X-Auth-Token": token}, dial=cloud.space.dial)

    def make(self, path: str, **body: Any) -> dict[str, Any]:
        member = "rbac_policy" if path == "rbac-policies" else path[:-1].replace("-", "_")
        made: dict[str, Any] = self.api.call("POST", f"/v2.0/{path}", {member: body})[member]
        return made

    def rule(self, group: str, port: int, **more: Any) -> str:
        """A rule that lets TCP to a port in; gives its id."""
        body = {"direction": "ingress", "protocol": "tcp", "port_range_min": port, "port_range_max": port, **more}
        return str(self.make("security-group-rules", security_group_id=group, **body)["id"])

    def guest(self, network: str, name: str, *groups: str) -> dict[str, Any]:
        """A port of the network with a guest plugged to it, up; without groups it has the project's default one."""
        more = {"security_groups": list(groups)} if groups else {}
        port = self.make("ports", network_id=network, name=name, **more)
        body = {"port": {"binding:host_id": NAME}}
        self.cloud.api.call("PUT", f"/v2.0/ports/{port['id']}", body)
        address = port["fixed_ips"][0]["ip_address"]
        self.cloud.host.plug(name, port["mac_address"], [f"{address}/24"], port["id"])
        wait_until(lambda: self.port(port["id"])["status"] == "ACTIVE", 15, f"the port is up: {self.cloud.log_tail()}")
        return {**port, "name": name, "address": address}

    def port(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.call("GET", f"/v2.0/ports/{id}")["port"]
        return found


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running(Path("/var/tmp")) as made:
        yield made


@pytest.fixture(scope="module")
def blue(cloud: Cloud) -> Project:
    return Project(cloud, "blue")


@pytest.fixture(scope="module")
def red(cloud: Cloud) -> Project:
    return Project(cloud, "red")


def network(project: Project, cidr: str) -> str:
    id: str = project.make("networks", name="net")["id"]
    project.make("subnets", network_id=id, ip_version=4, cidr=cidr)
    return id


def test_the_owner_of_a_shared_group_decides(cloud: Cloud, blue: Project, red: Project) -> None:
    """A port of red has a group of blue: what blue writes there opens and closes it."""
    web = blue.make("security-groups", name="web")["id"]
    net = network(red, "10.10.0.0/24")
    with pytest.raises(ApiError, match="404"):
        red.make("ports", network_id=net, security_groups=[web])
    entry = blue.make("rbac-policies", object_type="security_group", object_id=web, action="access_as_shared",
                      target_tenant=red.id)  # fmt: skip
    server = red.guest(net, "s1", web)
    red.guest(net, "s2")
    with listening(cloud.host, "s1", 80), listening(cloud.host, "s1", 81):
        assert not connects(cloud.host, "s2", server["address"], 80)
        rule = blue.rule(web, 80)
        assert eventually(lambda: connects(cloud.host, "s2", server["address"], 80))
        assert not connects(cloud.host, "s2", server["address"], 81)
        with pytest.raises(ApiError, match="403"):
            red.rule(web, 81)
        blue.api.call("DELETE", f"/v2.0/security-group-rules/{rule}")
        assert eventually(lambda: not connects(cloud.host, "s2", server["address"], 80))
    with pytest.raises(ApiError, match="409"):
        blue.api.call("DELETE", f"/v2.0/rbac-policies/{entry['id']}")


def test_a_remote_group_of_another_project(cloud: Cloud, blue: Project, red: Project) -> None:
    """Members of blue's group, who are red's ports, are let in by red's own rule."""
    friends = blue.make("security-groups", name="friends")["id"]
    blue.make("rbac-policies", object_type="security_group", object_id=friends, action="access_as_shared",
              target_tenant=red.id)  # fmt: skip
    own = red.make("security-groups", name="own")["id"]
    red.rule(own, 80, remote_group_id=friends)
    net = network(red, "10.11.0.0/24")
    server, friend = red.guest(net, "r1", own), red.guest(net, "r2", friends)
    red.guest(net, "r3")
    with listening(cloud.host, "r1", 80):
        assert eventually(lambda: connects(cloud.host, "r2", server["address"], 80))
        assert not connects(cloud.host, "r3", server["address"], 80)
        red.api.call("PUT", f"/v2.0/ports/{friend['id']}", {"port": {"security_groups": [own]}})
        assert eventually(lambda: not connects(cloud.host, "r2", server["address"], 80))


def test_an_address_group_of_another_project(cloud: Cloud, blue: Project, red: Project) -> None:
    """Red's rule names blue's address group: what blue puts into it gets in, and nothing else."""
    office = blue.make("address-groups", name="office")["id"]
    blue.make("rbac-policies", object_type="address_group", object_id=office, action="access_as_shared",
              target_tenant=red.id)  # fmt: skip
    own = red.make("security-groups", name="served")["id"]
    red.rule(own, 80, remote_address_group_id=office)
    red.rule(own, 81, remote_ip_prefix="10.13.0.0/24")
    net = network(red, "10.13.0.0/24")
    server, one, two = red.guest(net, "a1", own), red.guest(net, "a2"), red.guest(net, "a3")

    def change(verb: str, *addresses: str) -> None:
        blue.api.call("PUT", f"/v2.0/address-groups/{office}/{verb}_addresses", {"addresses": list(addresses)})

    def reached(guest: dict[str, Any], port: int = 80) -> bool:
        return connects(cloud.host, guest["name"], server["address"], port)

    with listening(cloud.host, "a1", 80), listening(cloud.host, "a1", 81):
        assert reached(one, 81) and reached(two, 81)
        assert not reached(one) and not reached(two)
        change("add", one["address"], "198.51.100.0/24", "2001:db8::/64")
        assert eventually(lambda: reached(one))
        assert not reached(two)
        change("add", "10.13.0.0/24")
        assert eventually(lambda: reached(two))
        change("remove", "10.13.0.0/24")
        assert eventually(lambda: not reached(two))
        assert reached(one)
        change("remove", one["address"])
        assert eventually(lambda: not reached(one))
        assert reached(one, 81), "the guest is still there"


def test_an_address_group_limits_what_guests_reach(cloud: Cloud, red: Project) -> None:
    """A rule of egress, for an address group: the guest's packets get only to whom is in it."""
    net = network(red, "10.14.0.0/24")
    open_group = red.make("security-groups", name="any")["id"]
    red.make("security-group-rules", security_group_id=open_group, direction="ingress")
    good, bad = red.guest(net, "e1", open_group), red.guest(net, "e2", open_group)
    targets = red.make("address-groups", name="targets", addresses=[f"{good['address']}/32"])["id"]
    limited = red.make("security-groups", name="limited")
    for rule in limited["security_group_rules"]:
        red.api.call("DELETE", f"/v2.0/security-group-rules/{rule['id']}")
    red.make("security-group-rules", security_group_id=limited["id"], direction="egress", protocol="tcp",
             remote_address_group_id=targets)  # fmt: skip
    red.guest(net, "e3", limited["id"])
    with listening(cloud.host, "e1", 80), listening(cloud.host, "e2", 80):
        assert eventually(lambda: connects(cloud.host, "e3", good["address"], 80))
        assert not connects(cloud.host, "e3", bad["address"], 80)
        body = {"addresses": [bad["address"]]}
        red.api.call("PUT", f"/v2.0/address-groups/{targets}/add_addresses", body)
        assert eventually(lambda: connects(cloud.host, "e3", bad["address"], 80))


def test_a_stateless_group_lets_answers_in_by_a_rule_only(cloud: Cloud, red: Project) -> None:
    group = red.make("security-groups", name="plain", stateful=False)["id"]
    open_group = red.make("security-groups", name="open")["id"]
    red.make("security-group-rules", security_group_id=open_group, direction="ingress")
    net = network(red, "10.12.0.0/24")
    plain, peer = red.guest(net, "p1", group), red.guest(net, "p2", open_group)
    red.rule(group, 80)
    with listening(cloud.host, "p1", 80), listening(cloud.host, "p2", 80):
        assert eventually(lambda: connects(cloud.host, "p2", plain["address"], 80))
        assert not connects(cloud.host, "p1", peer["address"], 80)
        red.make("security-group-rules", security_group_id=group, direction="ingress", protocol="tcp",
                 remote_ip_prefix=f"{peer['address']}/32")  # fmt: skip
        assert eventually(lambda: connects(cloud.host, "p1", peer["address"], 80))


def test_both_ip_versions_between_networks(cloud: Cloud, blue: Project) -> None:
    """Prefixes from a pool are routed as they are; a guest's kernel makes the address that the API shows for its port.

    The router keeps apart what is in the pool's address scope and what is not; of IPv4 no subnet is in one.
    """
    scope = cloud.api.call("POST", "/v2.0/address-scopes", {"address_scope": {"name": "six", "ip_version": 6}})
    body = {"name": "six", "prefixes": ["2001:db8:10::/48"], "default_prefixlen": 64, "shared": False,
            "address_scope_id": scope["address_scope"]["id"], "project_id": blue.id}  # fmt: skip
    pool = cloud.api.call("POST", "/v2.0/subnetpools", {"subnetpool": body})["subnetpool"]["id"]
    router = blue.make("routers", name="r")["id"]
    modes = {"ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    guests = {}
    for number, more in enumerate(({"subnetpool_id": pool}, {"subnetpool_id": pool}, {"cidr": "fd00:9::/64"})):
        net = blue.make("networks", name=f"six{number}")["id"]
        four = blue.make("subnets", network_id=net, ip_version=4, cidr=f"10.60.{number}.0/24")
        six = blue.make("subnets", network_id=net, **modes, **more)
        for subnet in (four, six):
            path = f"/v2.0/routers/{router}/add_router_interface"
            blue.api.call("PUT", path, {"subnet_id": subnet["id"]})
        port = blue.make("ports", network_id=net)
        cloud.api.call("PUT", f"/v2.0/ports/{port['id']}", {"port": {"binding:host_id": NAME}})
        guests[f"v{number}"] = {":" in each["ip_address"]: each["ip_address"] for each in port["fixed_ips"]}
        cloud.host.plug(f"v{number}", port["mac_address"], [f"{guests[f'v{number}'][False]}/24"], port["id"],
                        gateway=four["gateway_ip"])  # fmt: skip
    for name, address in guests.items():
        def shown(name: str = name) -> str:
            return cloud.host.run("ip", "-n", name, "-6", "-o", "addr", "show", "scope", "global")
        assert eventually(lambda shown=shown, own=address[True]: f" {own}/64 " in shown(), 12), shown()
        assert shown().count("inet6") == 1
    for name in ("v1", "v2"):
        assert eventually(lambda to=guests[name][False]: cloud.host.pings("v0", to), 5)
    assert eventually(lambda: cloud.host.pings("v0", guests["v1"][True]), 5)
    assert not cloud.host.pings("v0", guests["v2"][True], wait=0.5)
