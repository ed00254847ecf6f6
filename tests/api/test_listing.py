"""Lists: filters, attributes, order, pages, tags, revisions, times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.api.talk import Talk, path_of
from tests.fakes.client import Answer

from heddle.api.network.collections import EVERY
from heddle.api.network.crud import Collection
from heddle.api.network.listing import filterable
from heddle.model.resource import api_fields

PORTS = "/v2.0/ports"


def _floating_ip(admin: Talk) -> str:
    network = admin.create("network", {"router:external": True})
    admin.subnet(network, "203.0.113.0/24", enable_dhcp=False)
    return str(admin.create("floatingip", floating_network_id=network["id"])["id"])


# Makes the parents of those that are in the path of another.
PARENTS: dict[str, Callable[[Talk], str]] = {
    "floatingip_id": _floating_ip,
    "router_id": lambda admin: str(admin.create("router")["id"]),
    "local_ip_id": lambda admin: str(admin.create("local_ip", network_id=admin.network("10.0.0.0/24")[0]["id"])["id"]),
    "qos_policy_id": lambda admin: str(admin.create("policy")["id"]),
}
LISTED = [collection for collection in EVERY if collection.lists]


@pytest.mark.parametrize("collection", LISTED, ids=lambda collection: collection.model.collection)
def test_every_filter_and_sort_key_is_answered(admin: Talk, collection: Collection[Any]) -> None:
    url = collection.url.format_map({name: make(admin) for name, make in PARENTS.items() if name in collection.url})
    values = {"changed_since": "2020-01-01T00:00:00Z", "fixed_ips": "ip_address=10.0.0.2"}
    for name in filterable(collection.model):
        for value in (values.get(name, "1"), values.get(name, "")):
            answer = admin.client.get(f"{url}?{name}={value}")
            no_truth = value == "" and "boolean" in answer.body.decode()
            assert answer.status == (400 if no_truth else 200), (name, value, answer.body)
    for name, field in api_fields(collection.model).items():
        answer = admin.client.get(f"{url}?sort_key={name}&sort_dir=desc")
        assert answer.status == (200 if field.sort else 400), (name, answer.body)


@pytest.fixture
def ports(blue: Talk) -> list[dict[str, Any]]:
    """Seven ports, named so that some names repeat."""
    network, _ = blue.network("10.0.0.0/24")
    names = ["c", "a", "b", "a", "", "b", "d"]
    return blue.bulk("port", [{"network_id": network["id"], "name": name} for name in names])


def test_filters(blue: Talk, ports: list[dict[str, Any]]) -> None:
    def found(query: str) -> list[int]:
        ids = [port["id"] for port in ports]
        return sorted(ids.index(id) for id in blue.ids("port", "?" + query))

    assert found("name=a") == [1, 3]
    assert found("name=a&name=b") == [1, 2, 3, 5]
    assert found("name=a&name=nothing&admin_state_up=true") == [1, 3]
    assert found("name=") == [4]
    assert found("admin_state_up=False") == []
    assert found(f"id={ports[2]['id']}&id={ports[3]['id']}") == [2, 3]
    assert found(f"mac_address={ports[5]['mac_address'].upper()}") == [5]
    assert found("fixed_ips=ip_address%3D10.0.0.4") == [2]
    assert found(f"fixed_ips=ip_address%3D10.0.0.4&fixed_ips=subnet_id%3D{ports[0]['fixed_ips'][0]['subnet_id']}") == [
        2
    ]
    assert found("fixed_ips=ip_address_substr%3D0.0.4") == [2]
    assert len(found(f"tenant_id={blue.project_id}")) == len(found(f"project_id={blue.project_id}")) == 7
    assert found("revision_number=1&status=DOWN&device_owner=") == list(range(7))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("colour=red", "colour"),
        ("admin_state_up=perhaps", "perhaps"),
        ("sort_key=colour", "colour"),
        ("sort_key=fixed_ips", "fixed_ips"),
        ("sort_key=name&sort_dir=up", "up"),
        ("sort_dir=asc", "sort"),
        ("limit=-1", "-1"),
        ("limit=x", "x"),
        ("limit=99999999999999999999", "99999"),
        ("marker=nothing", "nothing"),
        ("revision_number=x", "x"),
        ("changed_since=yesterday", "yesterday"),
        ("name=%00", "null"),
        ("name=%ff", "query"),
        ("fixed_ips=colour%3Dred", "colour"),
        ("fixed_ips=10.0.0.1", "10.0.0.1"),
        ("mtu=99999999999999999999999", "9999"),
    ],
)
def test_wrong_queries_are_refused(blue: Talk, query: str, says: str) -> None:
    path = "/v2.0/networks" if query.startswith("mtu") else PORTS
    assert says in blue.refused(400, "HTTPBadRequest", "GET", f"{path}?{query}")


def test_fields(blue: Talk, ports: list[dict[str, Any]]) -> None:
    found = blue.list("port", "?fields=id&fields=name&name=d")
    assert found == [{"id": ports[6]["id"], "name": "d"}]
    assert blue.show("port", ports[6]["id"], "?fields=tenant_id") == {"tenant_id": blue.project_id}
    assert blue.show("port", ports[6]["id"], "?fields=binding:host_id&fields=nothing") == {}


def test_order(blue: Talk, ports: list[dict[str, Any]]) -> None:
    names = [port["name"] for port in blue.list("port", "?sort_key=name&sort_dir=desc")]
    assert names == ["d", "c", "b", "b", "a", "a", ""]
    both = blue.list("port", "?sort_key=name&sort_dir=asc&sort_key=mac_address&sort_dir=desc")
    wanted = sorted(ports, key=lambda port: port["mac_address"], reverse=True)
    assert [port["id"] for port in both] == [port["id"] for port in sorted(wanted, key=lambda port: port["name"])]


@pytest.mark.parametrize(
    "order", ["", "sort_key=name&sort_dir=asc&", "sort_key=name&sort_dir=desc&sort_key=id&sort_dir=desc&"]
)
def test_pages_forward_and_back(blue: Talk, ports: list[dict[str, Any]], order: str) -> None:
    whole = blue.ids("port", f"?{order}limit=100")
    assert len(whole) == 7
    pages, answers = [], []
    url: str | None = f"{PORTS}?{order}limit=3"
    while url:
        answer = _get(blue, url)
        pages.append([port["id"] for port in answer.json()["ports"]])
        answers.append(answer)
        url = _link(answer, "next")
    assert [id for page in pages for id in page] == whole
    assert _link(answers[0], "previous") is None
    back = _get(blue, _link(answers[2], "previous") or "")
    assert [port["id"] for port in back.json()["ports"]] == pages[1]
    first = _get(blue, _link(back, "previous") or "")
    assert [port["id"] for port in first.json()["ports"]] == pages[0]
    assert _link(first, "next") is not None


MIXED: dict[str, list[dict[str, Any]]] = {
    "network": [{"admin_state_up": up, "name": name} for up, name in ((True, "b"), (False, "a"), (True, ""))],
    "router": [{"admin_state_up": up} for up in (True, False, True)],
    "flavor": [{"service_type": "L3_ROUTER_NAT", "enabled": on} for on in (False, True, False)],
    "metering_label": [{"shared": on, "name": "m"} for on in (True, False, True)],
    "log": [{"resource_type": "security_group", "enabled": on} for on in (True, False, False)],
    "address_scope": [{"ip_version": version, "shared": on} for version, on in ((4, True), (6, False), (4, False))],
}


@pytest.mark.parametrize("member", MIXED)
def test_pages_by_each_sort_key(admin: Talk, member: str) -> None:
    """Page by page, each after the last object of the one before, is the whole list: for each type of attribute."""
    made = [admin.create(member, attributes)["id"] for attributes in MIXED[member]]
    model = next(collection.model for collection in EVERY if collection.model.member == member)
    for name in (name for name, field in api_fields(model).items() if field.sort):
        for way in ("asc", "desc"):
            order = f"{path_of(member)}?sort_key={name}&sort_dir={way}&" + "&".join(f"id={id}" for id in made)
            whole = [item["id"] for item in _get(admin, order).json()[model.collection]]
            assert sorted(whole) == sorted(made)
            pages = [""]
            for _ in made:
                found = _get(admin, f"{order}&limit=1&marker={pages[-1]}").json()[model.collection]
                pages += [item["id"] for item in found]
            assert pages[1:] == whole, (name, way)


def test_from_an_empty_page_back_to_the_last_one(blue: Talk, ports: list[dict[str, Any]]) -> None:
    whole = blue.ids("port", "?limit=7")
    empty = _get(blue, _link(_get(blue, f"{PORTS}?limit=7"), "next") or "")
    assert empty.json()["ports"] == [] and _link(empty, "next") is None
    back = _get(blue, _link(empty, "previous") or "")
    assert [port["id"] for port in back.json()["ports"]] == whole
    before = _get(blue, _link(back, "previous") or "")
    assert before.json()["ports"] == [] and _link(before, "previous") is None
    first = _get(blue, _link(before, "next") or "")
    assert [port["id"] for port in first.json()["ports"]] == whole


def _get(blue: Talk, url: str) -> Answer:
    parts = urlsplit(url)
    answer = blue.client.get(f"{parts.path}?{parts.query}")
    assert answer.status == 200, answer.body
    return answer


def _link(answer: Answer, rel: str) -> str | None:
    links = answer.json().get("ports_links", [])
    return next((link["href"] for link in links if link["rel"] == rel), None)


def test_a_link_keeps_the_query(blue: Talk, ports: list[dict[str, Any]]) -> None:
    answer = blue.client.get(f"{PORTS}?name=a&name=b&fields=id&limit=2")
    parts = urlsplit(answer.json()["ports_links"][0]["href"])
    query = parse_qs(parts.query)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "http://api.example:9696/v2.0/ports"
    assert (query["name"], query["fields"], query["limit"]) == (["a", "b"], ["id"], ["2"])
    assert "ports_links" not in blue.client.get(PORTS).json()
    assert len(blue.list("port", "?limit=0")) == 7


def test_tags(blue: Talk) -> None:
    path = f"/v2.0/networks/{blue.create('network')['id']}/tags"
    assert blue.client.get(path).json() == {"tags": []}
    assert blue.put(path, {"tags": ["b", "a", "a"]}) == {"tags": ["a", "b"]}
    assert blue.client.call("PUT", f"{path}/c").status == 201
    assert blue.client.call("PUT", f"{path}/c").status == 201
    assert blue.client.get(f"{path}/c").status == 204
    blue.refused(404, "TagNotFound", "GET", f"{path}/d")
    assert blue.client.call("DELETE", f"{path}/a").status == 204
    blue.refused(404, "TagNotFound", "DELETE", f"{path}/a")
    assert blue.client.get(path).json() == {"tags": ["b", "c"]}
    assert blue.client.call("DELETE", path).status == 204
    assert blue.client.get(path).json() == {"tags": []}
    wrong: tuple[Any, ...] = (
        {"tags": "a"},
        {"tags": [1]},
        {"tags": ["a,b"]},
        {"tags": ["x" * 256]},
        {},
        {"tags": [""]},
    )
    for body in (*wrong, {"tags": [str(n) for n in range(51)]}):
        blue.refused(400, "HTTPBadRequest", "PUT", path, body)
    blue.refused(404, "NetworkNotFound", "PUT", path.replace("networks/", "networks/x"), {"tags": []})


def test_tag_filters(blue: Talk) -> None:
    for name, tags in (("n1", ["red"]), ("n2", ["red", "blue"]), ("n3", ['"', "re%"]), ("n4", [])):
        made = blue.create("network", name=name)
        blue.put(f"/v2.0/networks/{made['id']}/tags", {"tags": tags})

    def found(query: str) -> list[str]:
        return sorted(item["name"] for item in blue.list("network", f"?project_id={blue.project_id}&{query}"))

    assert found("tags=red") == ["n1", "n2"]
    assert found("tags=red,blue") == ["n2"]
    assert found("tags-any=blue,%22") == ["n2", "n3"]
    assert found("not-tags=red,blue") == ["n1", "n3", "n4"]
    assert found("not-tags-any=red,blue") == ["n3", "n4"]
    assert found("tags=re") == [] and found("tags=re%25") == ["n3"]


def test_a_change_constrained_to_a_revision(blue: Talk) -> None:
    network = blue.create("network")
    path, body = f"/v2.0/networks/{network['id']}", {"network": {"name": "x"}}
    kind = "RevisionNumberConstraintFailed"
    blue.refused(412, kind, "PUT", path, body, if_match="revision_number=7")
    assert blue.client.call("PUT", path, body, {"If-Match": "revision_number=1"}).status == 200
    blue.refused(412, kind, "DELETE", path, None, if_match="revision_number=1")
    blue.refused(412, kind, "PUT", f"{path}/tags", {"tags": ["a"]}, if_match="revision_number=1")
    blue.refused(400, "HTTPBadRequest", "PUT", path, body, if_match="W/x")
    assert blue.client.call("DELETE", path, None, {"If-Match": "revision_number=2"}).status == 204


def test_times(blue: Talk) -> None:
    network = blue.create("network")
    made = network["created_at"]
    assert network["id"] in blue.ids("network", f"?changed_since={made}")
    assert blue.ids("network", "?changed_since=2099-01-01T00:00:00") == []
    assert network["id"] in blue.ids("network", f"?created_at={made}")
    assert blue.update("network", network["id"], name="x")["created_at"] == made


def test_the_versions(blue: Talk) -> None:
    versions = blue.client.get("/").json()["versions"]
    assert versions[0]["id"] == "v2.0" and versions[0]["links"][0]["href"].endswith("/v2.0/")
    names = {resource["collection"] for resource in blue.client.get("/v2.0/").json()["resources"]}
    assert {"networks", "subnets", "ports", "routers", "floatingips", "security_groups"} <= names


def test_the_extensions(blue: Talk) -> None:
    extensions = blue.client.get("/v2.0/extensions").json()["extensions"]
    assert {"alias", "name", "description", "updated", "links"} == set(extensions[0])
    assert blue.client.get("/v2.0/extensions/router").json()["extension"]["alias"] == "router"
    blue.refused(404, "ExtensionNotFound", "GET", "/v2.0/extensions/time-travel")
    blue.refused(404, "HTTPNotFound", "GET", "/v2.0/shoes")
    blue.refused(405, "HTTPMethodNotAllowed", "PATCH", "/v2.0/networks")
    assert blue.client.get("/v2.0/networks.json").status == 200
