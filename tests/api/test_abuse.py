"""Requests that are too much, sent to a real server process over its socket.

Each is answered with the status and the type that clients expect, soon, from bounded memory; nothing is changed, and
somebody else is served meanwhile.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.load.processes import Caller, Server, log_in

MEGABYTE = 1024 * 1024
SECONDS = 15.0
# What the requests of one kind may add to the process, with eight threads that can hold one each.
GROWTH = 400 * MEGABYTE


@dataclass
class Site:
    """A server with an administrator's token, and what it has at the beginning."""

    server: Server
    token: str
    network: str = ""

    def contents(self) -> dict[str, Any]:
        caller = Caller(self.server.port, self.token)
        return {name: caller.call("GET", f"/v2.0/{name}")[1] for name in ("networks", "subnets", "ports", "quotas")}

    def memory(self) -> int:
        for line in Path(f"/proc/{self.server.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def raw(self, data: bytes) -> tuple[int, bytes]:
        """Send these bytes on a connection of their own: the status and the body of the answer."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=60) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(data)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.read()

    def send(self, method: bytes, target: bytes, body: bytes = b"", *headers: bytes) -> tuple[int, bytes]:
        lines = [method + b" " + target + b" HTTP/1.1", b"Host: x", b"X-Auth-Token: " + self.token.encode(), *headers]
        lines += [b"Content-Type: application/json", b"Content-Length: %d" % len(body), b"Connection: close", b"", body]
        return self.raw(b"\r\n".join(lines))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    server = Server(tmp_path_factory.mktemp("abuse"))
    server.start()
    try:
        made = Site(server, log_in(server.port))
        caller = Caller(server.port, made.token)
        made.network = caller.call("POST", "/v2.0/networks", {"network": {"name": "whole"}})[1]["network"]["id"]
        caller.call("POST", "/v2.0/subnets",
                    {"subnet": {"network_id": made.network, "cidr": "10.0.0.0/24", "ip_version": 4}})  # fmt: skip
        yield made
    finally:
        server.kill()


@pytest.fixture(autouse=True)
def served_meanwhile(site: Site) -> Iterator[None]:
    """Others are answered while the test runs; nothing has changed after it, and the memory is bounded."""
    stop, slowest, failures = threading.Event(), [0.0], []
    memory, before = site.memory(), site.contents()

    def ask() -> None:
        caller = Caller(site.server.port, site.token)
        while not stop.is_set():
            started = time.monotonic()
            try:
                if caller.call("GET", f"/v2.0/networks/{site.network}")[0] != 200:
                    failures.append("not answered with 200")
            except OSError as error:
                failures.append(repr(error))
            slowest[0] = max(slowest[0], time.monotonic() - started)
            time.sleep(0.05)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert slowest[0] < SECONDS, f"somebody else waited for {slowest[0]:.1f} s"
    assert site.memory() - memory < GROWTH
    assert site.contents() == before


def quickly(call: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
    started = time.monotonic()
    answer = call()
    assert time.monotonic() - started < SECONDS
    return answer


def refused(answer: tuple[int, bytes], status: int, kind: str) -> str:
    """The text of an error of the Networking API, which must be of this status and type."""
    assert answer[0] == status, answer
    error = json.loads(answer[1])["NeutronError"]
    assert set(error) == {"type", "message", "detail"} and error["type"] == kind, error
    assert len(error["message"]) < 2100
    return str(error["message"])


def large(size: int) -> bytes:
    return json.dumps({"network": {"name": "n", "description": "x" * size}}).encode()


@pytest.mark.parametrize("megabytes", [10, 40])
@pytest.mark.parametrize("method", [b"POST", b"PUT"])
def test_a_body_that_is_too_large(site: Site, megabytes: int, method: bytes) -> None:
    target = b"/v2.0/networks" + (f"/{site.network}".encode() if method == b"PUT" else b"")
    answer = quickly(lambda: site.send(method, target, large(megabytes * MEGABYTE)))
    assert "bytes" in refused(answer, 413, "HTTPRequestEntityTooLarge")


def test_a_body_in_parts_that_is_too_large(site: Site) -> None:
    part = b"100000\r\n" + b"x" * MEGABYTE + b"\r\n"
    head = f"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {site.token}\r\nTransfer-Encoding: chunked\r\n"
    data = head.encode() + b"Content-Type: application/json\r\nConnection: close\r\n\r\n" + part * 10 + b"0\r\n\r\n"
    refused(quickly(lambda: site.raw(data)), 413, "HTTPRequestEntityTooLarge")


def test_a_login_that_is_too_large(site: Site) -> None:
    body = json.dumps({"auth": {"identity": {"methods": ["x" * 10 * MEGABYTE]}}}).encode()
    status, text = quickly(lambda: site.send(b"POST", b"/identity/v3/auth/tokens", body))
    assert (status, json.loads(text)["error"]["code"]) == (413, 413)


ALMOST = 3 * MEGABYTE
HEAVY = {
    "brackets": b"[" * ALMOST,
    "braces": b'{"a":' * (ALMOST // 5),
    "closed brackets": b"[" * (ALMOST // 2) + b"]" * (ALMOST // 2),
    "empty objects": b'{"networks": [' + b"{}," * (ALMOST // 3 - 1) + b"{}]}",
    "empty lists": b'{"networks": [' + b"[]," * (ALMOST // 3 - 1) + b"[]]}",
    "many names": json.dumps({"network": {f"n{number}": number for number in range(150_000)}}).encode(),
    "a long number": b'{"network": {"mtu": ' + b"9" * ALMOST + b"}}",
    "a long text": large(ALMOST),
    "a long list of tags": json.dumps({"network": {"tags": [f"t{n}" for n in range(200_000)]}}).encode(),
    "many zones": json.dumps({"network": {"availability_zone_hints": [f"t{n}" for n in range(100_000)]}}).encode(),
    "many segments": json.dumps({"network": {"segments": [{"provider:network_type": "vlan"}] * 50_000}}).encode(),
}


@pytest.mark.parametrize("what", HEAVY)
def test_a_body_that_is_heavy(site: Site, what: str) -> None:
    answers: list[tuple[int, bytes]] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(quickly(lambda: site.send(b"POST", b"/v2.0/networks", HEAVY[what])))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 3
    for answer in answers:
        if what == "many segments":
            refused(answer, 503, "NoNetworkAvailable")
        else:
            refused(answer, 400, "HTTPBadRequest")


def _lists(count: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """Long lists inside of objects, each of many different items."""
    pairs = [{"ip_address": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"} for n in range(count)]
    options = [{"opt_name": f"o{n}", "opt_value": "v"} for n in range(count)]
    fixed = [{"ip_address": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"} for n in range(count)]
    groups = [f"00000000-0000-4000-8000-{n:012x}" for n in range(count)]
    routes = [{"destination": f"10.{n >> 8}.{n & 255}.0/24", "nexthop": "10.0.0.9"} for n in range(min(count, 60_000))]
    pools = [{"start": f"10.0.0.{n % 250}", "end": f"10.0.0.{n % 250}"} for n in range(count)]
    prefixes = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32" for n in range(count)]
    subports = [
        {"port_id": id, "segmentation_type": "vlan", "segmentation_id": 1 + n % 4000} for n, id in enumerate(groups)
    ]
    return {
        "address pairs": ("port", {"allowed_address_pairs": pairs}),
        "DHCP options": ("port", {"extra_dhcp_opts": options}),
        "fixed IPs": ("port", {"fixed_ips": fixed}),
        "groups": ("port", {"security_groups": groups}),
        "host routes": ("subnet", {"cidr": "10.9.0.0/24", "ip_version": 4, "host_routes": routes}),
        "pools": ("subnet", {"cidr": "10.9.0.0/24", "ip_version": 4, "allocation_pools": pools}),
        "name servers": ("subnet", {"cidr": "10.9.0.0/24", "ip_version": 4,
                                    "dns_nameservers": [pair["ip_address"] for pair in pairs]}),
        "prefixes": ("subnetpool", {"name": "p", "prefixes": prefixes * 2}),
        "subports": ("trunk", {"port_id": groups[0], "sub_ports": subports}),
    }  # fmt: skip


LISTS = _lists(20_000)


@pytest.mark.parametrize("what", LISTS)
def test_a_list_that_is_long(site: Site, what: str) -> None:
    """To look for what is there twice must not take the square of how many there are."""
    member, attributes = LISTS[what]
    if member in ("port", "subnet"):
        attributes = {"network_id": site.network, **attributes}
    body = json.dumps({member: attributes}).encode()
    status, text = quickly(lambda: site.send(b"POST", f"/v2.0/{member}s".encode(), body))
    assert status in (400, 404, 409), text[:300]
    assert set(json.loads(text)["NeutronError"]) == {"type", "message", "detail"}


@pytest.mark.parametrize("count", [2001, 10_000])
@pytest.mark.parametrize("name", ["id", "colour", "fields", "sort_key", "tags", "fixed_ips", ""])
def test_ten_thousand_filters(site: Site, name: str, count: int) -> None:
    query = "&".join(f"{name}=x{number}" for number in range(count))
    answer = quickly(lambda: site.send(b"GET", f"/v2.0/ports?{query}".encode()))
    assert "fields" in refused(answer, 400, "HTTPBadRequest")


def test_more_filters_than_a_request_can_have(site: Site) -> None:
    query = "&".join(f"id=00000000-0000-4000-8000-{number:012x}" for number in range(10_000))
    status, _ = quickly(lambda: site.send(b"GET", f"/v2.0/ports?{query}".encode()))
    assert status in (400, 414, 431)


@pytest.mark.parametrize("many", [1900])
def test_as_many_filters_as_there_may_be(site: Site, many: int) -> None:
    query = "&".join(f"id=00000000-0000-4000-8000-{number:012x}" for number in range(many))
    status, text = quickly(lambda: site.send(b"GET", f"/v2.0/ports?{query}".encode()))
    assert (status, json.loads(text)) == (200, {"ports": []})


ODD_TARGETS = [
    b"/v2.0/networks/%00", b"/v2.0/networks/\x01", b"/v2.0/networks/%ff%fe",
    b"/v2.0/networks/%ed%a0%80", b"/v2.0/networks/a%0d%0aX-Evil:%201", b"/v2.0/networks/" + b"x" * 100_000,
    b"/v2.0/networks/" + b"%2e%2e/" * 2000, b"/v2.0/networks/" + b"/a" * 50_000, b"/v2.0/networks/%",
    b"/v2.0/networks/%zz",
    b"/" + b"a/" * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("target", ODD_TARGETS, ids=range(len(ODD_TARGETS)))
@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE"])
def test_bytes_in_paths(site: Site, method: bytes, target: bytes) -> None:
    answer = quickly(lambda: site.send(method, target, b'{"network": {}}'))
    refused(answer, 404, json_type(answer))


@pytest.mark.parametrize("target", [b"/v2.0/networks/\xff\xfe", b"/v2.0/\xc3\xa9", b"/v2.0/networks?name=\xff\xfe"])
def test_bytes_that_no_target_can_have(site: Site, target: bytes) -> None:
    """They are refused before the API is asked."""
    assert quickly(lambda: site.send(b"GET", target))[0] == 400


def json_type(answer: tuple[int, bytes]) -> str:
    return str(json.loads(answer[1])["NeutronError"]["type"])


@pytest.mark.parametrize(
    "query",
    [b"name=%00", b"name=%ff", b"%00=1", b"%ff=1", b"limit=%00", b"marker=%ff", b"fields=%ff",
     b"sort_key=%00", b"id=%ed%a0%80", b"tags=%ff"],
)  # fmt: skip
def test_bytes_in_queries(site: Site, query: bytes) -> None:
    refused(quickly(lambda: site.send(b"GET", b"/v2.0/networks?" + query)), 400, "HTTPBadRequest")


@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xc3\xa9", b"x" * 200_000, b"gAAAAA\xff", b"../../x"])
def test_bytes_in_the_token(site: Site, value: bytes) -> None:
    data = b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + value + b"\r\nConnection: close\r\n\r\n"
    refused(quickly(lambda: site.raw(data)), 401, "Unauthorized")


@pytest.mark.parametrize("name", [b"If-Match", b"X-Openstack-Request-Id", b"Accept", b"Cookie", b"X-Forwarded-For"])
@pytest.mark.parametrize("value", [b"\xff\xfe", b"\xc3\xa9", b"x" * 100_000, b"revision_number=" + b"9" * 5000])
def test_bytes_in_headers(site: Site, name: bytes, value: bytes) -> None:
    """Headers that mean nothing to a GET are passed over; to a PUT, only a revision is one."""
    target = f"/v2.0/networks/{site.network}".encode()
    assert quickly(lambda: site.send(b"GET", target, b"", name + b": " + value))[0] == 200
    if name == b"If-Match":
        body = json.dumps({"network": {"name": "changed"}}).encode()
        assert site.send(b"PUT", target, body, name + b": " + value)[0] in (400, 412)


@pytest.mark.parametrize("method", [b"BREW", b"PATCH", b"TRACE", b"CONNECT", b"PROPFIND", b"X" * 5000])
def test_unknown_methods(site: Site, method: bytes) -> None:
    answer = quickly(lambda: site.send(method, b"/v2.0/networks", b"{}"))
    assert "GET" in refused(answer, 405, "HTTPMethodNotAllowed")


@pytest.mark.parametrize(
    "query",
    ["limit=-1", "limit=x", "limit=1.5", "limit=" + "9" * 5000, "limit=1e3", "limit=%D9%A3", "marker=nobody",
     "marker=" + "x" * 9000,
     "sort_key=colour", "sort_key=" + "x" * 9000, "sort_dir=asc", "sort_key=name&sort_dir=sideways",
     "sort_key=security_groups",
     "colour=red", "admin_state_up=perhaps", "revision_number=x", "changed_since=yesterday",
     "&".join(["sort_key=name"] * 1900) + "&sort_dir=x"],
)  # fmt: skip
def test_absurd_pages_and_orders(site: Site, query: str) -> None:
    answer = quickly(lambda: site.send(b"GET", f"/v2.0/ports?{query}".encode()))
    refused(answer, 400, json_type(answer))


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=999999999", "fields=nothing", "&".join(["fields=id"] * 1900), "limit=", "marker=",
              "&".join(["sort_key=name"] * 1900)],
)  # fmt: skip
def test_odd_pages_and_orders_that_are_answered(site: Site, query: str) -> None:
    status, text = quickly(lambda: site.send(b"GET", f"/v2.0/networks?{query}".encode()))
    assert status in (200, 400), text


@pytest.mark.parametrize(
    "kind", [b"text/plain", b"application/xml", b"multipart/form-data; boundary=x", b"\xff", b"x" * 9000]
)
def test_other_content_types(site: Site, kind: bytes) -> None:
    body = b'{"network": {"name": "x"}}'
    head = b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + site.token.encode()
    data = (
        head + b"\r\nContent-Type: " + kind + b"\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    refused(quickly(lambda: site.raw(data)), 415, "HTTPUnsupportedMediaType")


def test_connections_that_say_nothing(site: Site) -> None:
    """Many that are open and send nothing, or half of a request, keep nobody from being served."""
    with_half = b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    connections = [socket.create_connection(("127.0.0.1", site.server.port)) for _ in range(200)]
    try:
        for number, connection in enumerate(connections):
            connection.sendall(with_half if number % 2 else b"GET /v2.0")
        started = time.monotonic()
        assert site.send(b"GET", b"/v2.0/networks")[0] == 200
        assert time.monotonic() - started < 5
    finally:
        for connection in connections:
            connection.close()
