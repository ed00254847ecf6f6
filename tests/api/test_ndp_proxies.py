"""NDP proxies: which routers answer for which addresses, and what must stay meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses
from tests.api.told import router_view

ID = "7c241101-e2bb-4255-8caf-4136c566a963"


class Site:
    """An external network with IPv6, and a tenant's network of the same address scope behind a router there."""

    def __init__(self, admin: Talk, blue: Talk) -> None:
        self.admin, self.blue = admin, blue
        scope = admin.create("address_scope", name="s", ip_version=6, shared=True)
        pool = {"name": "p", "prefixes": ["2001:db8::/48"], "default_prefixlen": 64, "shared": True}
        self.pool = admin.create("subnetpool", pool, address_scope_id=scope["id"])
        self.external = admin.create("network", {"router:external": True})
        self.subnet(admin, self.external)
        self.network = blue.create("network")
        self.inside = self.subnet(blue, self.network)
        self.router = blue.create("router", external_gateway_info=self.gateway(), enable_ndp_proxy=True)
        self.act("add_router_interface", subnet_id=self.inside["id"])

    def gateway(self) -> dict[str, Any]:
        return {"network_id": self.external["id"]}

    def subnet(self, talk: Talk, network: dict[str, Any]) -> dict[str, Any]:
        return talk.create("subnet", network_id=network["id"], ip_version=6, subnetpool_id=self.pool["id"])

    def act(self, action: str, **body: Any) -> dict[str, Any]:
        return self.blue.put(f"/v2.0/routers/{self.router['id']}/{action}", body)

    def proxy(self, port: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.blue.create("ndp_proxy", router_id=self.router["id"], port_id=port["id"], **more)

    def refused(self, status: int, kind: str, port: dict[str, Any], **more: Any) -> str:
        body = {"router_id": self.router["id"], "port_id": port["id"], **more}
        return self.blue.no_create(status, kind, "ndp_proxy", body)


@pytest.fixture
def site(admin: Talk, blue: Talk) -> Site:
    return Site(admin, blue)


def test_the_life_of_one(blue: Talk, red: Talk, site: Site) -> None:
    assert blue.show("router", site.router["id"])["enable_ndp_proxy"] is True
    port = blue.port(site.network)
    made = site.proxy(port, name="n", description="d")
    assert made == {
        "id": made["id"], "name": "n", "description": "d", "router_id": site.router["id"], "port_id": port["id"],
        "ip_address": addresses(port)[0], "project_id": blue.project_id, "tenant_id": blue.project_id, "tags": [],
        "revision_number": 1, "created_at": made["created_at"], "updated_at": made["created_at"],
    }  # fmt: skip
    assert blue.show("ndp_proxy", made["id"]) == made
    for query in (f"port_id={port['id']}", f"router_id={site.router['id']}", f"ip_address={made['ip_address']}"):
        assert blue.ids("ndp_proxy", f"?{query}") == [made["id"]], query
    changed = blue.update("ndp_proxy", made["id"], name="m")
    assert (changed["name"], changed["description"], changed["revision_number"]) == ("m", "d", 2)
    blue.no_update(400, "HTTPBadRequest", "ndp_proxy", made["id"], ip_address="2001:db8::9")
    red.no_delete(404, "NDPProxyNotFound", "ndp_proxy", made["id"])
    blue.delete("ndp_proxy", made["id"])
    blue.no_delete(404, "NDPProxyNotFound", "ndp_proxy", made["id"])


def test_an_address_is_chosen_or_given(blue: Talk, site: Site) -> None:
    far = site.subnet(blue, site.network)
    port = blue.port(site.network, fixed_ips=[{"subnet_id": far["id"]}, {"subnet_id": site.inside["id"]}])
    unreached, reached = addresses(port)
    assert site.proxy(port)["ip_address"] == reached
    assert site.proxy(port, ip_address=reached)["ip_address"] == reached
    assert "cannot reach" in site.refused(400, "InvalidAddress", port, ip_address=unreached)
    assert "not belong" in site.refused(400, "InvalidAddress", port, ip_address="2001:db8:ff::9")
    site.refused(400, "HTTPBadRequest", port, ip_address="x")


def test_what_a_router_cannot_answer_for(admin: Talk, blue: Talk, red: Talk, site: Site) -> None:
    site.refused(409, "PortUnreachableRouter", blue.port(blue.network("10.5.0.0/24")[0]))
    site.refused(404, "PortNotFound", {"id": ID})
    site.refused(404, "PortNotFound", red.port(red.network("10.6.0.0/24")[0]))
    blue.no_create(404, "RouterNotFound", "ndp_proxy", router_id=ID, port_id=blue.port(site.network)["id"])
    old, four = blue.network("10.7.0.0/24")
    site.act("add_router_interface", subnet_id=four["id"])
    assert "IPv6" in site.refused(400, "BadRequest", blue.port(old))
    six = blue.subnet(old, "2001:db8:77::/64")
    site.refused(409, "PortUnreachableRouter", blue.port(old))
    site.act("add_router_interface", subnet_id=six["id"])
    assert "scope" in site.refused(409, "AddressScopeConflict", blue.port(old))
    port = blue.port(site.network)
    assert blue.update("router", site.router["id"], enable_ndp_proxy=False)["enable_ndp_proxy"] is False
    site.refused(409, "RouterNDPProxyNotEnable", port)
    assert blue.list("ndp_proxy") == []


def test_which_routers_may_answer(admin: Talk, blue: Talk, site: Site) -> None:
    kind = "RouterGatewayNotValid"
    plain = admin.create("network", {"router:external": True})
    admin.subnet(plain, "2001:db8:aa::/64", enable_dhcp=False)
    four = admin.create("network", {"router:external": True})
    admin.subnet(four, "203.0.113.0/24", enable_dhcp=False)
    blue.no_create(409, kind, "router", enable_ndp_proxy=True)
    for network in (plain, four):
        gateway = {"network_id": network["id"]}
        assert network["id"] in blue.no_create(
            409, kind, "router", enable_ndp_proxy=True, external_gateway_info=gateway
        )
        assert blue.create("router", external_gateway_info=gateway)["enable_ndp_proxy"] is False
    bare = blue.create("router")
    blue.no_update(409, kind, "router", bare["id"], enable_ndp_proxy=True)
    blue.no_update(
        409, kind, "router", bare["id"], enable_ndp_proxy=True, external_gateway_info={"network_id": plain["id"]}
    )
    both = blue.update("router", bare["id"], enable_ndp_proxy=True, external_gateway_info=site.gateway())
    assert both["enable_ndp_proxy"] is True
    assert blue.update("router", bare["id"], name="x", enable_ndp_proxy=None)["enable_ndp_proxy"] is True
    assert bare["id"] in blue.ids("router", "?enable_ndp_proxy=true")
    blue.no_update(409, kind, "router", bare["id"], enable_ndp_proxy=True, external_gateway_info={})
    moved = blue.update("router", bare["id"], external_gateway_info={"network_id": plain["id"]})
    assert moved["enable_ndp_proxy"] is False
    assert blue.update("router", site.router["id"], external_gateway_info={})["enable_ndp_proxy"] is False


def test_what_needs_it_stays(admin: Talk, blue: Talk, site: Site) -> None:
    admin.subnet(site.external, "203.0.113.0/24", enable_dhcp=False)
    made = site.proxy(blue.port(site.network))
    path = f"/v2.0/routers/{site.router['id']}"
    blue.refused(409, "RouterGatewayInUseByNDPProxy", "PUT", path, {"router": {"external_gateway_info": None}})
    kind = "RouterInterfaceInUseByNDPProxy"
    blue.refused(409, kind, "PUT", f"{path}/remove_router_interface", {"subnet_id": site.inside["id"]})
    four = {**site.gateway(), "external_fixed_ips": [{"ip_address": "203.0.113.9"}]}
    admin.refused(409, "RouterIPv6GatewayInUse", "PUT", path, {"router": {"external_gateway_info": four}})
    blue.delete("ndp_proxy", made["id"])
    site.act("remove_router_interface", subnet_id=site.inside["id"])
    blue.update("router", site.router["id"], external_gateway_info=None)


def test_what_it_needs_and_loses(blue: Talk, site: Site) -> None:
    first, second = blue.port(site.network), blue.port(site.network)
    site.proxy(first)
    made = site.proxy(second)
    blue.delete("port", first["id"])
    assert blue.ids("ndp_proxy") == [made["id"]]
    blue.update("port", second["id"], fixed_ips=[])
    assert blue.list("ndp_proxy") == []


def test_hosts_are_told(cloud: Cloud, blue: Talk, site: Site) -> None:
    """Each change reaches the router's host, also when a port takes its proxy along."""
    seen: list[int] = []

    def told() -> tuple[bool, list[str]]:
        view = router_view(cloud, site.router["id"])
        assert view.revision not in seen
        seen.append(view.revision)
        return view.enable_ndp_proxy, view.ndp_proxies

    assert told() == (True, [])
    first, second, third = (blue.port(site.network) for _ in range(3))
    made = [site.proxy(port)["ip_address"] for port in (first, second)]
    assert told() == (True, sorted(made))
    blue.delete("port", first["id"])
    assert told() == (True, made[1:])
    blue.update("port", second["id"], fixed_ips=[])
    assert told() == (True, [])
    proxy = site.proxy(third)
    assert told() == (True, addresses(third))
    blue.delete("ndp_proxy", proxy["id"])
    blue.update("router", site.router["id"], enable_ndp_proxy=False)
    assert told() == (False, [])
