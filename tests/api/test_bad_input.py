"""What no client should send: refused with a text that names field and value, and nothing is changed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from tests.api.conftest import Cloud
from tests.api.talk import Talk, refusal
from tests.fakes.client import Answer

from heddle.api.network.collections import EVERY
from heddle.api.routes import ROUTES
from heddle.model.resource import api_fields
from heddle.model.values import MOST_DHCP_OPTIONS
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


def test_as_many_dhcp_options_as_a_port_can_have(blue: Talk) -> None:
    network = blue.create("network")
    options = [{"opt_name": f"option-{number}", "opt_value": "x"} for number in range(MOST_DHCP_OPTIONS + 1)]
    assert len(blue.port(network, extra_dhcp_opts=options[1:])["extra_dhcp_opts"]) == MOST_DHCP_OPTIONS
    message = blue.no_create(400, "HTTPBadRequest", "port", network_id=network["id"], extra_dhcp_opts=options)
    assert str(MOST_DHCP_OPTIONS) in message


# What JSON can say in more than one way


def test_names_that_are_there_twice(admin: Talk) -> None:
    """The last one counts, as in the reference."""
    answer = send(admin, "POST", "/v2.0/networks", b'{"network": {"name": "a", "name": "b"}}')
    assert (answer.status, answer.json()["network"]["name"]) == (201, "b")
    body = b'{"network": {"name": "a"}, "network": {"name": "c", "mtu": 1400, "mtu": "x"}}'
    assert "mtu" in refusal(send(admin, "POST", "/v2.0/networks", body), 400, "HTTPBadRequest")


@pytest.mark.parametrize("number", ["1400.5", "1e400", "-0.5", "NaN", "Infinity", "-Infinity", "1" + "0" * 400, "0x10"])
def test_numbers_that_are_none(admin: Talk, unchanged: Callable[[], None], number: str) -> None:
    unchanged()
    for member, field in (("network", "mtu"), ("network", "provider:segmentation_id")):
        body = f'{{"{member}": {{"{field}": {number}}}}}'.encode()
        refusal(send(admin, "POST", f"/v2.0/{member}s", body), 400, "HTTPBadRequest")
    unchanged()
    assert send(admin, "POST", "/v2.0/networks", b'{"network": {"mtu": 1400}}').status == 201


# What is in use


@dataclass
class Site:
    """A network behind a router with an outside, a port there that a floating IP leads to, a group that it has."""

    network: str
    subnet: str
    router: str
    port: str
    interface: str
    gateway: str
    group: str
    floating: str
    outside: str
    outer: str


@pytest.fixture
def site(admin: Talk, blue: Talk, outside: Callable[..., dict[str, str]]) -> Site:
    external, group = outside(), blue.create("security_group", name="g")
    network, subnet = blue.network("10.0.0.0/24")
    router = blue.create("router", external_gateway_info={"network_id": external["id"]})
    added = blue.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    port = blue.port(network, security_groups=[group["id"]], fixed_ips=[{"ip_address": "10.0.0.50"}])
    floating = blue.create("floatingip", floating_network_id=external["id"], port_id=port["id"])
    gateway = admin.ids("port", f"?device_owner=network:router_gateway&device_id={router['id']}")[0]
    return Site(network["id"], subnet["id"], router["id"], port["id"], added["port_id"], gateway, group["id"],
                floating["id"], external["id"], external["subnet_id"])  # fmt: skip


Case = tuple[str, str, Callable[[Site], Any], int, str]
POOL = {"start": "10.0.0.10", "end": "10.0.0.20"}
IN_USE: dict[str, Case] = {
    "a network with ports": ("DELETE", "networks/{network}", lambda s: None, 409, "NetworkInUse"),
    "a subnet with ports": ("DELETE", "subnets/{subnet}", lambda s: None, 409, "SubnetInUse"),
    "a router with interfaces": ("DELETE", "routers/{router}", lambda s: None, 409, "RouterInUse"),
    "an interface": ("DELETE", "ports/{interface}", lambda s: None, 409, "ServicePortInUse"),
    "a gateway": ("DELETE", "ports/{gateway}", lambda s: None, 409, "ServicePortInUse"),
    "a group of ports": ("DELETE", "security-groups/{group}", lambda s: None, 409, "SecurityGroupInUse"),
    "the interface of a floating IP": (
        "PUT", "routers/{router}/remove_router_interface", lambda s: {"subnet_id": s.subnet}, 409,
        "RouterInterfaceInUseByFloatingIP",
    ),
    "the gateway of a floating IP": (
        "PUT", "routers/{router}", lambda s: {"router": {"external_gateway_info": None}}, 409,
        "RouterExternalGatewayInUseByFloatingIp",
    ),
    "an address": (
        "POST", "ports", lambda s: {"port": {"network_id": s.network, "fixed_ips": [{"ip_address": "10.0.0.50"}]}},
        409, "IpAddressAlreadyAllocated",
    ),
    "pools that overlap": (
        "PUT", "subnets/{subnet}", lambda s: {"subnet": {"allocation_pools": [POOL, {**POOL, "end": "10.0.0.30"}]}},
        409, "OverlappingAllocationPools",
    ),
    "a pool of elsewhere": (
        "PUT", "subnets/{subnet}", lambda s: {"subnet": {"allocation_pools": [{**POOL, "end": "10.0.1.9"}]}},
        400, "OutOfBoundsAllocationPool",
    ),
    "a pool from its end": (
        "PUT", "subnets/{subnet}",
        lambda s: {"subnet": {"allocation_pools": [{"start": POOL["end"], "end": POOL["start"]}]}},
        400, "InvalidAllocationPool",
    ),
    "the address of an interface": (
        "PUT", "subnets/{subnet}", lambda s: {"subnet": {"gateway_ip": "10.0.0.99"}}, 409, "GatewayIpInUse",
    ),
    "a block that overlaps": (
        "POST", "subnets", lambda s: {"subnet": {"network_id": s.network, "ip_version": 4, "cidr": "10.0.0.128/25"}},
        400, "InvalidInput",
    ),
    "an address outside": (
        "POST", "ports", lambda s: {"port": {"network_id": s.network, "fixed_ips": [{"ip_address": "192.0.2.7"}]}},
        400, "InvalidIpForNetwork",
    ),
    "a second interface": (
        "PUT", "routers/{router}/add_router_interface", lambda s: {"subnet_id": s.subnet}, 400, "BadRequest",
    ),
    "a floating IP of an inner network": (
        "POST", "floatingips", lambda s: {"floatingip": {"floating_network_id": s.network}}, 400, "BadRequest",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", IN_USE)
def test_what_is_in_use_stays(admin: Talk, site: Site, unchanged: Callable[[], None], what: str) -> None:
    method, path, body, status, kind = IN_USE[what]
    unchanged()
    path = "/v2.0/" + path.format(**asdict(site))
    assert admin.refused(status, kind, method, path, body(site))
    unchanged()


def test_what_is_in_use_no_longer_goes(admin: Talk, blue: Talk, site: Site) -> None:
    """The positive control: taken apart in the right order, all of it goes."""
    blue.update("floatingip", site.floating, port_id=None)
    blue.delete("floatingip", site.floating)
    blue.put(f"/v2.0/routers/{site.router}/remove_router_interface", {"subnet_id": site.subnet})
    blue.update("router", site.router, external_gateway_info=None)
    blue.update("subnet", site.subnet, allocation_pools=[POOL, {"start": "10.0.0.30", "end": "10.0.0.40"}])
    for member, id in (("router", site.router), ("port", site.port), ("security_group", site.group)):
        blue.delete(member, id)
    blue.delete("subnet", site.subnet)
    blue.delete("network", site.network)
    admin.delete("network", site.outside)
