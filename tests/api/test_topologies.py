"""Get me a network: what is made, that it is made once, what must be there for it, and that all of it goes away."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk
from tests.api.test_concurrency import together
from tests.api.test_subnet_pools import pool

PATH = "/v2.0/auto-allocated-topology"


@pytest.fixture
def ready(own_cloud: Cloud) -> Cloud:
    """A cloud with a default external network and default pools."""
    admin = own_cloud.admin
    external = admin.create("network", {"router:external": True, "is_default": True})
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    admin.subnet(external, "2001:db8:ffff::/64", enable_dhcp=False)
    pool(admin, "10.0.0.0/16", is_default=True, shared=True, default_prefixlen=26)
    pool(admin, "2001:db8::/48", is_default=True, shared=True)
    return own_cloud


def get(talk: Talk, project: str = "null", query: str = "") -> dict[str, Any]:
    answer = talk.client.get(f"{PATH}/{project}{query}")
    assert answer.status == 200, answer.body
    return dict(answer.json()["auto_allocated_topology"])


def counts(talk: Talk) -> list[int]:
    own = f"?project_id={talk.project_id}"
    return [len(talk.list(member, own)) for member in ("network", "subnet", "router")]


def test_a_topology_is_made_once(ready: Cloud) -> None:
    blue = ready.tenant()
    made = get(blue)
    assert made == {"id": made["id"], "project_id": blue.project_id, "tenant_id": blue.project_id}
    assert counts(blue) == [1, 2, 1]
    for project in ("None", blue.project_id, "null"):
        assert get(blue, project) == made
    assert counts(blue) == [1, 2, 1]
    network = blue.show("network", made["id"])
    assert (network["name"], network["admin_state_up"]) == ("auto_allocated_network", True)
    subnets = {subnet["name"]: subnet["cidr"] for subnet in blue.list("subnet", f"?network_id={made['id']}")}
    assert subnets == {"auto_allocated_subnet_v4": "10.0.0.0/26", "auto_allocated_subnet_v6": "2001:db8::/64"}
    (router,) = blue.list("router")
    assert router["name"] == "auto_allocated_router" and router["external_gateway_info"] is not None
    interfaces = blue.list("port", f"?device_id={router['id']}&network_id={made['id']}")
    assert {ip["subnet_id"] for port in interfaces for ip in port["fixed_ips"]} == set(network["subnets"])
    red = ready.tenant()
    assert get(red)["id"] != made["id"]
    assert {subnet["cidr"] for subnet in red.list("subnet", f"?project_id={red.project_id}")} >= {"10.0.0.64/26"}


def test_all_of_it_goes_away(ready: Cloud) -> None:
    blue = ready.tenant()
    made = get(blue)
    port = blue.port({"id": made["id"]})
    blue.refused(409, "NetworkInUse", "DELETE", f"{PATH}/null")
    assert counts(blue) == [1, 2, 1] and get(blue) == made
    blue.delete("port", port["id"])
    for _ in range(2):
        assert blue.client.call("DELETE", f"{PATH}/{blue.project_id}").status == 204
        assert counts(blue) == [0, 0, 0]
    used = blue.client.get(f"/v2.0/quotas/{blue.project_id}/details").json()["quota"]
    assert [used[name]["used"] for name in ("network", "subnet", "router", "port")] == [0, 0, 0, 0]
    assert get(blue)["id"] != made["id"]


def test_what_was_taken_apart_is_made_anew(ready: Cloud) -> None:
    blue = ready.tenant()
    made = get(blue)
    (router,) = blue.list("router")
    for port in blue.list("port", f"?device_id={router['id']}&network_id={made['id']}"):
        blue.put(f"/v2.0/routers/{router['id']}/remove_router_interface", {"port_id": port["id"]})
    blue.delete("router", router["id"])
    assert get(blue) == made
    assert blue.client.call("DELETE", f"{PATH}/null").status == 204
    again = get(blue)
    (router,) = blue.list("router")
    for port in blue.list("port", f"?device_id={router['id']}&network_id={again['id']}"):
        blue.put(f"/v2.0/routers/{router['id']}/remove_router_interface", {"port_id": port["id"]})
    blue.delete("network", again["id"])
    assert get(blue)["id"] != again["id"]


def test_what_the_cloud_must_have(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()

    def refused(says: str) -> None:
        for query in ("", "?fields=dry-run"):
            assert says in blue.refused(409, "AutoAllocationFailure", "GET", f"{PATH}/null{query}")
        assert counts(blue) == [0, 0, 0]

    refused("router:external")
    external = admin.create("network", {"router:external": True, "is_default": True})
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    refused("pools")
    hidden = pool(admin, is_default=True, default_prefixlen=24)
    refused("pools")
    admin.delete("subnetpool", hidden["id"])
    pool(admin, is_default=True, shared=True, default_prefixlen=24)
    checked = get(blue, query="?fields=dry-run")
    assert checked == {"id": "dry-run=pass", "project_id": blue.project_id, "tenant_id": blue.project_id}
    assert counts(blue) == [0, 0, 0]
    get(blue)
    assert counts(blue) == [1, 1, 1]


def test_all_or_nothing(ready: Cloud) -> None:
    blue = ready.tenant()
    ready.admin.put(f"/v2.0/quotas/{blue.project_id}", {"quota": {"subnet": 1}})
    blue.refused(409, "OverQuota", "GET", f"{PATH}/null")
    assert counts(blue) == [0, 0, 0]
    used = blue.client.get(f"/v2.0/quotas/{blue.project_id}/details").json()["quota"]
    assert [used[name]["used"] for name in ("network", "subnet", "router", "port")] == [0, 0, 0, 0]


def test_for_whom(ready: Cloud) -> None:
    admin, blue, red = ready.admin, ready.tenant(), ready.tenant()
    red.refused(403, "PolicyNotAuthorized", "GET", f"{PATH}/{blue.project_id}")
    red.refused(403, "PolicyNotAuthorized", "DELETE", f"{PATH}/{blue.project_id}")
    made = get(admin, blue.project_id)
    assert get(blue) == made and counts(blue) == [1, 2, 1]
    reader = ready.tenant("reader")
    reader.refused(403, "PolicyNotAuthorized", "GET", f"{PATH}/null")
    assert get(admin, reader.project_id) == get(reader)
    reader.refused(403, "PolicyNotAuthorized", "DELETE", f"{PATH}/null")


def test_two_at_once_get_the_same(ready: Cloud) -> None:
    blue = ready.tenant()
    found: list[str] = []
    together(*[lambda: found.append(get(blue)["id"])] * 6)
    assert len(set(found)) == 1 and len(found) == 6
    assert counts(blue) == [1, 2, 1]
