"""What no client should send: refused with a text that names field and value, and nothing is changed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from tests.api.conftest import Cloud
from tests.api.talk import Talk, refusal
from tests.fakes.client import Answer

from heddle.api.network.collections import EVERY
from heddle.api.routes import ROUTES
from heddle.model.resource import api_fields
from heddle.store import tables

DEEP = b'{"network":' * 5000 + b"1" + b"}" * 5000


def contents(cloud: Cloud) -> dict[str, list[Any]]:
    """All rows of all tables but those that a request may touch without changing anything."""
    with cloud.store.engine.connect() as conn:
        return {
            table.name: sorted(map(str, conn.execute(sa.select(table))))
            for table in tables.METADATA.sorted_tables
            if table.name not in ("counters",)
        }


@pytest.fixture
def unchanged(cloud: Cloud) -> Callable[[], None]:
    before: list[dict[str, list[Any]]] = []

    def check() -> None:
        if not before:
            before.append(contents(cloud))
        assert contents(cloud) == before[0]

    return check


def send(talk: Talk, method: str, path: str, body: bytes = b"", **environ: Any) -> Answer:
    """A request with exactly these bytes."""
    raw, _, query = path.partition("?")
    found: dict[str, Any] = {
        "REQUEST_METHOD": method, "PATH_INFO": raw, "QUERY_STRING": query, "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "192.0.2.1", "HTTP_HOST": "api.example:9696",
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "HTTP_X_AUTH_TOKEN": talk.client.token, **environ,
    }  # fmt: skip
    seen: list[Any] = []
    chunks = talk.client.app(found, lambda status, headers: seen.extend((status, headers)))
    return Answer(int(seen[0].split()[0]), {name.lower(): value for name, value in seen[1]}, b"".join(chunks))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"network"', "object"),
        (b"{}", "network"),
        (b'{"network": 7}', "network"),
        (b'{"network": null}', "network"),
        (b'{"network": []}', "network"),
        (b'{"networks": {}}', "network"),
        (b'{"networks": []}', "networks"),
        (b'{"networks": [7]}', "networks"),
        (b'{"network": {}, "subnet": {}}', "network"),
        (b'{"network": {"name": NaN}}', "JSON"),
        (b'{"network": {"mtu": Infinity}}', "JSON"),
        (b'{"network": {"mtu": 1e400}}', ""),
        (b'{"network": {"mtu": 1' + b"0" * 5000 + b"}}", ""),
        (b'{"network": {"name": "\xff\xfe"}}', "JSON"),
        (b'{"network": {"name": "\\ud800"}}', ""),
        (b'{"network": {"name": "a\\u0000b"}}', "control"),
        (b'{"network": {"name": "a\\u0007b"}}', "control"),
        (b"\xef\xbb\xbf{}", ""),
        (DEEP, ""),
        (b"[" * 100_000, "JSON"),
        (json.dumps({"network": {"name": "x" * 256}}).encode(), "255"),
        (json.dumps({"network": {"name": {"a": 1}}}).encode(), "name"),
        (json.dumps({"network": {"colour": "red", "shape": 1}}).encode(), "colour, shape"),
        (json.dumps({"network": {"id": "x"}}).encode(), "id"),
        (json.dumps({"network": {"tenant_id": "a", "project_id": "b"}}).encode(), "match"),
        (json.dumps({"networks": [{}] * 5001}).encode(), "5000"),
    ],
    ids=range(30),
)
def test_bodies_that_are_wrong(admin: Talk, unchanged: Callable[[], None], body: bytes, says: str) -> None:
    unchanged()
    message = refusal(send(admin, "POST", "/v2.0/networks", body), 400, "HTTPBadRequest")
    assert says in message and len(message) < 1000
    unchanged()


WRONG: tuple[Any, ...] = (
    7, -1, 2**63, 2**200, 1.5, True, "", " ", "x" * 256, "x" * 70_000, "a\x00b", "\ud800", "😀" * 200, [], {}, [[]],
    [{}], [None], {"a": {"b": []}}, ["x"], None, "10.0.0.0/33", "::1%eth0", "ffff", [1, 2], "-1", "0x10", "١٢", "1e3",
)  # fmt: skip


@pytest.mark.parametrize("collection", EVERY, ids=lambda collection: collection.model.collection)
def test_no_value_of_any_attribute_is_an_error_of_ours(cloud: Cloud, admin: Talk, collection: Any) -> None:
    """Every attribute with every odd value, in POST and PUT; what is accepted is undone by the transaction's end."""
    network = admin.create("network")
    subnet = admin.subnet(network, "10.0.0.0/24")
    base: dict[str, dict[str, Any]] = {
        "subnets": {"network_id": network["id"], "ip_version": 4, "cidr": "10.77.0.0/24"},
        "ports": {"network_id": network["id"]},
        "floatingips": {"floating_network_id": network["id"]},
        "security_group_rules": {"security_group_id": admin.ids("security_group")[0], "direction": "ingress"},
    }
    name, member = collection.model.collection, collection.model.member
    existing = {"networks": network["id"], "subnets": subnet["id"]}.get(name, "7c241101-e2bb-4255-8caf-4136c566a963")
    for attribute in api_fields(collection.model):
        for value in WRONG:
            data = json.dumps({member: {**base.get(name, {}), attribute: value}}).encode()
            answer = send(admin, "POST", collection.url, data)
            assert answer.status < 500 or answer.status == 503, (attribute, value, answer.body)
            if answer.status == 201:
                send(admin, "DELETE", f"{collection.url}/{answer.json()[member]['id']}")
            data = json.dumps({member: {attribute: value}}).encode()
            answer = send(admin, "PUT", f"{collection.url}/{existing}", data)
            assert answer.status < 500, (attribute, value, answer.body)
    del cloud


def test_what_is_refused_names_field_and_value(blue: Talk, unchanged: Callable[[], None]) -> None:
    network, _ = blue.network("10.0.0.0/24")
    blue.list("security_group")
    unchanged()
    cases: list[tuple[str, dict[str, Any]]] = [
        ("port", {"network_id": network["id"], "mac_address": "zz:00"}),
        ("port", {"network_id": network["id"], "admin_state_up": "perhaps"}),
        ("port", {"network_id": network["id"], "fixed_ips": [{"ip_address": "10.0.0.300"}]}),
        ("port", {"network_id": network["id"], "security_groups": ["not-a-uuid"]}),
        ("port", {"network_id": "not-a-uuid"}),
        ("subnet", {"network_id": network["id"], "cidr": "10.1.0.0/24", "ip_version": 9}),
        ("subnet", {"network_id": network["id"], "ip_version": 4, "cidr": "ten"}),
        ("subnet", {"network_id": network["id"], "ip_version": 4, "cidr": "10.1.0.0/24", "gateway_ip": "ten"}),
        ("network", {"mtu": "many"}),
        ("router", {"external_gateway_info": {"network_id": "not-a-uuid"}}),
        ("security_group_rule", {"security_group_id": network["id"], "direction": "sideways"}),
    ]
    for member, body in cases:
        message = blue.no_create(400, "HTTPBadRequest", member, body)
        field, value = list(body.items())[-1]
        while isinstance(value, list | dict):
            value = value[0] if isinstance(value, list) else next(iter(value.values()))
        assert field in message and str(value) in message, message
    missing = blue.no_create(400, "HTTPBadRequest", "subnet", ip_version=4, cidr="10.1.0.0/24")
    assert "network_id" in missing
    unchanged()


def test_content_types(admin: Talk) -> None:
    body = b'{"network": {"name": "x"}}'
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form"):
        answer = send(admin, "POST", "/v2.0/networks", body, CONTENT_TYPE=kind)
        assert kind.partition(";")[0] in refusal(answer, 415, "HTTPUnsupportedMediaType")
    for kind in ("application/json; charset=utf-8", "Application/JSON", ""):
        assert send(admin, "POST", "/v2.0/networks", body, CONTENT_TYPE=kind).status == 201


def test_a_body_that_is_too_large(admin: Talk, cloud: Cloud) -> None:
    most = cloud.settings.server.max_body
    answer = send(admin, "POST", "/v2.0/networks", b" " * (most + 1))
    assert str(most) in refusal(answer, 413, "HTTPRequestEntityTooLarge")


@pytest.mark.parametrize("length", ["-1", "x", "99999999999999999999"])
def test_a_content_length_that_is_wrong(admin: Talk, length: str) -> None:
    answer = send(admin, "POST", "/v2.0/networks", b'{"network": {}}', CONTENT_LENGTH=length)
    assert answer.status in (400, 413)


@pytest.mark.parametrize(
    "path",
    [
        "/v2.0/networks/\xff\xfe", "/v2.0/networks/a\x00b", "/v2.0/networks/" + "x" * 9000, "/v2.0/networks/..",
        "/v2.0/networks/%2e%2e", "/v2.0//networks//", "/v2.0/networks/'; drop table ports; --", "//",
        "/\xf0\x9f\x98\x80",
        "/v2.0/networks/x/y/z", "/v2.0/networks/\xed\xa0\x80/tags/\xff", "", "/.json", "/v2.0/ports/x.json.json",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "HEAD", "OPTIONS", "TRACE", "B\xc4D"])
def test_paths_and_methods_that_are_wrong(admin: Talk, method: str, path: str) -> None:
    answer = send(admin, method, path, b"{}")
    assert answer.status < 500
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "query",
    ["limit=1&limit=2&limit=x", "%", "&&&", "=", "a" * 9000, "name=" + "%C3%28", "sort_key=", "fields=" * 3000,
     "marker=%00", "name=%ED%A0%80", "&".join(f"id={n}" for n in range(1500)), "mac_address=x&mac_address=y", "limit=",
     "id=" + "x" * 5000, "page_reverse=perhaps", "revision_number=999999999999999999999"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v2.0/ports", "/v2.0/networks", "/v2.0/security-group-rules", "/v2.0/agents"])
def test_queries_that_are_odd(admin: Talk, path: str, query: str) -> None:
    assert send(admin, "GET", f"{path}?{query}").status in (200, 400)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**19, 10**30])
@pytest.mark.parametrize("path", ["networks?revision_number", "subnets?ip_version", "networks?mtu"])
def test_numbers_that_no_column_can_have(admin: Talk, path: str, number: int) -> None:
    message = refusal(send(admin, "GET", f"/v2.0/{path}={number}"), 400, "HTTPBadRequest")
    assert path.partition("?")[2] in message and str(number) in message
    for known in (2**63 - 1, -(2**63)):
        assert send(admin, "GET", f"/v2.0/{path}={known}").json()[path.partition("?")[0]] == []


@pytest.mark.parametrize("token", ["x", "x" * 100_000, "\xff\xfe", "a\x00b", "é"])
def test_tokens_that_are_none(admin: Talk, token: str) -> None:
    assert send(admin, "GET", "/v2.0/networks", HTTP_X_AUTH_TOKEN=token).status == 401


def test_headers_that_are_odd(admin: Talk) -> None:
    odd = {"HTTP_IF_MATCH": "revision_number=" + "9" * 5000, "HTTP_HOST": "\xff\r\nx: y"}
    for name, value in odd.items():
        answer = send(admin, "PUT", "/v2.0/networks/x", b'{"network": {}}', **{name: value})
        assert answer.status in (400, 404)
        assert not any("\n" in text for pair in answer.headers.items() for text in pair)
    given = send(admin, "GET", "/", HTTP_X_OPENSTACK_REQUEST_ID="req-\r\nset-cookie: x")
    assert given.headers["x-openstack-request-id"].startswith("req-") and "cookie" not in str(given.headers)


def test_every_route_survives_an_empty_and_a_wrong_body(admin: Talk) -> None:
    for route in ROUTES:
        path = route.path
        while "{" in path:
            path = path[: path.index("{")] + "x" + path[path.index("}") + 1 :]
        for body in (b"", b"{}", b"[]", b'{"x": [{"y": null}]}', b'{"auth": {"identity": {"methods": ["password"]}}}'):
            answer = send(admin, route.method, path, body)
            assert answer.status < 500, (route.method, path, body, answer.body)
