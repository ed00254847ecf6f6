"""`fields=`: what is read and shown then is what the whole object says, on every way of asking."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk

PAGES = ("?limit=2", "?limit=2&page_reverse=True", "?sort_key=name&sort_dir=desc&sort_key=id&limit=3")


@pytest.fixture
def talk(own_cloud: Cloud) -> Talk:
    """An administrator of a cloud with some objects of each of these kinds."""
    admin = own_cloud.admin
    own_cloud.report("host1")
    outside, _ = admin.network("203.0.113.0/24")
    admin.update("network", outside["id"], {"router:external": True})
    router = admin.create("router", external_gateway_info={"network_id": outside["id"]}, name="r")
    network, subnet = admin.network("10.0.0.0/24", dns_nameservers=["10.0.0.9"])
    admin.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    for name in ("b", "a", "", "c"):
        port = admin.port(network, {"binding:host_id": "host1", "binding:profile": {"a": "1"}, "name": name})
    admin.create("floatingip", floating_network_id=outside["id"], port_id=port["id"])
    admin.create("trunk", port_id=admin.port(network)["id"])
    policy = admin.create("policy", name="p", shared=True)
    admin.update("network", network["id"], qos_policy_id=policy["id"], shared=True)
    admin.create("subnetpool", name="pool", prefixes=["10.8.0.0/16"])
    admin.create("address_scope", name="scope", ip_version=4)
    return admin


def _listed(talk: Talk, url: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The objects, and the relations of the links to other pages with their markers."""
    answer = talk.client.get(url)
    assert answer.status == 200, answer.body
    name = next(name for name in answer.json() if not name.endswith("_links"))
    links = answer.json().get(f"{name}_links", [])
    return answer.json()[name], [f"{link['rel']} {link['href'].partition('marker=')[2][:36]}" for link in links]


COLLECTIONS = ("networks", "subnets", "ports", "routers", "floatingips", "security-groups", "security-group-rules",
               "trunks", "qos/policies", "subnetpools", "address-scopes", "agents", "segments", "rbac-policies",
               "network-ip-availabilities")  # fmt: skip


def test_each_field_alone_says_what_the_whole_says(talk: Talk) -> None:
    for collection in COLLECTIONS:
        whole, _ = _listed(talk, f"/v2.0/{collection}")
        assert whole, collection
        for name in {name for item in whole for name in item}:
            chosen, _ = _listed(talk, f"/v2.0/{collection}?fields={name}")
            said = [{name: item[name]} if name in item else {} for item in whole]
            assert sorted(map(str, chosen)) == sorted(map(str, said)), (collection, name)


def test_several_fields_pages_and_links(talk: Talk) -> None:
    names = ("name", "id", "tenant_id", "project_id", "shared", "mac_address", "created_at")
    for collection in ("ports", "networks", "routers"):
        for query in PAGES:
            whole, links = _listed(talk, f"/v2.0/{collection}{query}")
            chosen, same = _listed(talk, f"/v2.0/{collection}{query}&" + "&".join(f"fields={name}" for name in names))
            assert chosen == [{name: item[name] for name in names if name in item} for item in whole]
            assert same == links
    marker = _listed(talk, "/v2.0/ports?sort_key=id&limit=1")[0][0]["id"]
    after, _ = _listed(talk, f"/v2.0/ports?sort_key=id&marker={marker}&fields=id")
    assert after == [{"id": item["id"]} for item in _listed(talk, "/v2.0/ports?sort_key=id")[0][1:]]


def test_a_field_that_the_caller_may_not_see_stays_hidden(own_cloud: Cloud, talk: Talk) -> None:
    blue = own_cloud.tenant()
    network, _ = blue.network("10.0.0.0/24")
    port = blue.port(network)
    own = f"&id={port['id']}"
    assert _listed(blue, f"/v2.0/ports?fields=binding:host_id{own}")[0] == [{}]
    assert _listed(blue, f"/v2.0/ports?fields=binding:host_id&fields=id{own}")[0] == [{"id": port["id"]}]
    assert _listed(talk, f"/v2.0/ports?fields=binding:host_id{own}")[0] == [{"binding:host_id": ""}]
    # Of others' objects nothing is found, whatever is asked for.
    found, _ = _listed(blue, "/v2.0/ports?fields=id&fields=project_id")
    assert port["id"] in {item["id"] for item in found} and {item["project_id"] for item in found} == {blue.project_id}
