"""Port forwardings: their life, what they collide with, and what they keep from going."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses, refusal

from heddle.agent.mirror import Mirror
from heddle.control import sync
from heddle.model.port_forwarding import PORTED
from heddle.store.engine import Tx
from heddle.store.query.port_forwardings import PORT_FORWARDINGS
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest, Forwarding, Status

ID = "7c241101-e2bb-4255-8caf-4136c566a963"
External = Callable[..., dict[str, str]]


class Site:
    """A tenant's network behind a router, a guest on it, and a floating IP that reaches nothing yet."""

    def __init__(self, blue: Talk, external: dict[str, str]) -> None:
        self.blue, self.external = blue, external
        self.network, self.subnet = blue.network("10.0.0.0/24")
        self.router = blue.create("router", external_gateway_info={"network_id": external["id"]})
        self.join(self.subnet)
        self.guest = blue.port(self.network)
        self.floating_ip = self.address()

    def join(self, subnet: dict[str, Any]) -> None:
        path = f"/v2.0/routers/{self.router['id']}/add_router_interface"
        self.blue.put(path, {"subnet_id": subnet["id"]})

    def address(self) -> dict[str, Any]:
        return self.blue.create("floatingip", floating_network_id=self.external["id"])

    def path(self, id: str = "", of: dict[str, Any] | None = None) -> str:
        return f"/v2.0/floatingips/{(of or self.floating_ip)['id']}/port_forwardings" + (f"/{id}" if id else "")

    def body(self, to: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        port = to or self.guest
        inside = {"internal_port_id": port["id"], "internal_ip_address": addresses(port)[0], "protocol": "tcp"}
        ports = {} if any("port" in name and "_id" not in name for name in more) else {"external_port": 2222}
        ports |= {"internal_port": 22} if ports else {}
        return {"port_forwarding": {**inside, **ports, **more}}

    def forward(
        self, to: dict[str, Any] | None = None, of: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        answer = self.blue.client.post(self.path(of=of), self.body(to, **more))
        assert answer.status == 201, answer.body
        return dict(answer.json()["port_forwarding"])

    def refused(self, status: int, kind: str, of: dict[str, Any] | None = None, **more: Any) -> str:
        return self.blue.refused(status, kind, "POST", self.path(of=of), self.body(**more))

    def change(self, forwarding: dict[str, Any], **more: Any) -> Any:
        return self.blue.client.call("PUT", self.path(forwarding["id"]), {"port_forwarding": more})

    def delete(self, forwarding: dict[str, Any]) -> None:
        assert self.blue.client.call("DELETE", self.path(forwarding["id"])).status == 204

    def shown(self) -> dict[str, Any]:
        return self.blue.show("floatingip", self.floating_ip["id"])


@pytest.fixture
def site(blue: Talk, outside: External) -> Site:
    return Site(blue, outside())


def test_the_life_of_one(blue: Talk, site: Site) -> None:
    made = site.forward(description="d")
    assert made == {
        "id": made["id"], "external_port": 2222, "internal_port": 22, "external_port_range": "2222:2222",
        "internal_port_range": "22:22", "internal_ip_address": addresses(site.guest)[0], "protocol": "tcp",
        "internal_port_id": site.guest["id"], "description": "d",
    }  # fmt: skip
    assert blue.client.get(site.path(made["id"])).json() == {"port_forwarding": made}
    assert blue.client.get(site.path()).json() == {"port_forwardings": [made]}
    shown = site.shown()
    assert (shown["router_id"], shown["port_id"]) == (site.router["id"], None)
    assert shown["port_forwardings"] == [
        {
            "id": made["id"], "internal_port_id": site.guest["id"], "internal_ip_address": addresses(site.guest)[0],
            "protocol": "tcp", "internal_port": 22, "external_port": 2222,
        }
    ]  # fmt: skip
    changed = site.change(made, internal_port=3333, description="e").json()["port_forwarding"]
    assert changed == {**made, "internal_port": 3333, "internal_port_range": "3333:3333", "description": "e"}
    text = blue.no_delete(409, "FipInUseByPortForwarding", "floatingip", site.floating_ip["id"])
    assert site.floating_ip["id"] in text
    site.delete(made)
    blue.refused(404, "PortForwardingNotFound", "GET", site.path(made["id"]))
    shown = site.shown()
    assert (shown["router_id"], shown["port_forwardings"]) == (None, [])
    blue.delete("floatingip", site.floating_ip["id"])


def test_ranges(blue: Talk, site: Site) -> None:
    made = site.forward(external_port_range="8000:8010", internal_port_range="80:90")
    assert (made["external_port"], made["internal_port"]) == (None, None)
    assert (made["external_port_range"], made["internal_port_range"]) == ("8000:8010", "80:90")
    (shown,) = site.shown()["port_forwardings"]
    assert (shown["external_port_range"], shown["internal_port_range"]) == ("8000:8010", "80:90")
    one = site.forward(external_port_range="9000:9010", internal_port=53, protocol="udp")
    assert (one["internal_port_range"], one["external_port"]) == ("53:53", None)
    single = site.forward(external_port_range="7000", internal_port_range="70:70")
    assert (single["external_port"], single["internal_port"]) == (7000, 70)
    narrower = site.change(made, external_port=8005, internal_port=85).json()["port_forwarding"]
    assert narrower["external_port_range"] == "8005:8005"
    wider = site.change(made, external_port_range="8005:8006", internal_port_range="85:86").json()["port_forwarding"]
    assert (wider["external_port"], wider["internal_port"]) == (None, None)
    cases = (("external_port=7000", single), ("protocol=udp", one), ("external_port_range=8005:8006", wider))
    for query, wanted in cases:
        found = blue.client.get(f"{site.path()}?{query}").json()["port_forwardings"]
        assert [item["id"] for item in found] == [wanted["id"]], query


@pytest.mark.parametrize(
    ("status", "kind", "more"),
    [
        (400, "HTTPBadRequest", {"external_port": 65536, "internal_port": 1}),
        (400, "HTTPBadRequest", {"external_port": 0, "internal_port": 1}),
        (400, "HTTPBadRequest", {"external_port": 1, "internal_port": "x"}),
        (400, "HTTPBadRequest", {"external_port_range": "9:1", "internal_port": 1}),
        (400, "HTTPBadRequest", {"external_port_range": "1:2:3", "internal_port": 1}),
        (400, "HTTPBadRequest", {"protocol": "esp"}),
        (400, "HTTPBadRequest", {"colour": "red"}),
        (400, "BadRequest", {"external_port": 1}),
        (400, "BadRequest", {"internal_port": 1}),
        (400, "BadRequest", {"external_port": 1, "external_port_range": "2:2", "internal_port": 1}),
        (400, "BadRequest", {"external_port_range": "1:5", "internal_port_range": "1:4"}),
        (400, "BadRequest", {"external_port": 1, "internal_port_range": "1:4"}),
        (400, "BadRequest", {"internal_ip_address": "10.0.0.99"}),
        (400, "HTTPBadRequest", {"internal_ip_address": "x"}),
        (404, "PortNotFound", {"internal_port_id": ID}),
    ],
)
def test_wrong_ones_are_refused(blue: Talk, site: Site, status: int, kind: str, more: dict[str, Any]) -> None:
    site.refused(status, kind, **more)
    assert site.shown()["port_forwardings"] == [] and site.shown()["router_id"] is None


@pytest.mark.parametrize("protocol", ["icmp", "ipv6-icmp"])
def test_a_protocol_without_ports_is_refused(site: Site, protocol: str) -> None:
    text = site.refused(400, "BadRequest", protocol=protocol)
    assert f"protocol {protocol} has no ports" in text and "Name one of dccp, sctp, tcp, udp" in text
    assert site.shown()["port_forwardings"] == [] and site.shown()["router_id"] is None
    for other in PORTED:
        made = site.forward(protocol=other)
        assert "has no ports" in refusal(site.change(made, protocol=protocol), 400, "BadRequest")
        assert [each["protocol"] for each in site.shown()["port_forwardings"]] == [other]
        site.delete(made)


def test_one_that_was_kept_without_ports_can_be_changed_and_deleted(cloud: Cloud, site: Site) -> None:
    """As a database has it whose server took them: only who names the protocol anew is refused."""
    made = site.forward()

    def keep(tx: Tx) -> None:
        old = PORT_FORWARDINGS.get(tx, made["id"])
        assert old is not None
        PORT_FORWARDINGS.update(tx, old, msgspec.structs.replace(old, protocol="icmp"))

    cloud.store.write(keep)
    assert site.change(made, description="e", protocol="icmp").json()["port_forwarding"]["protocol"] == "icmp"
    assert site.change(made, protocol="udp").json()["port_forwarding"]["protocol"] == "udp"
    assert "has no ports" in refusal(site.change(made, protocol="icmp"), 400, "BadRequest")
    cloud.store.write(keep)
    site.delete(made)
    assert site.shown()["port_forwardings"] == []


def test_what_collides(blue: Talk, site: Site) -> None:
    site.forward(external_port_range="2000:2010", internal_port_range="20:30")
    other = blue.port(site.network)
    cases: list[dict[str, Any]] = [
        {"to": other, "external_port": 2010, "internal_port": 1},
        {"to": other, "external_port_range": "1990:2000", "internal_port": 1},
        {"external_port": 5000, "internal_port": 30},
        {"external_port_range": "5000:5020", "internal_port_range": "15:35"},
    ]
    for case in cases:
        assert "collision" in site.refused(400, "BadRequest", **case)
    assert "collision" in site.refused(400, "BadRequest", of=site.address(), external_port=1, internal_port=25)
    free = site.forward(to=other, external_port=2010, internal_port=30, protocol="udp")
    site.forward(to=other, external_port=2011, internal_port=30)
    answer = site.change(free, protocol="tcp")
    assert "collision" in refusal(answer, 400, "BadRequest")
    assert "collision" in refusal(site.change(free, protocol="tcp", external_port=2012), 400, "BadRequest")
    assert site.change(free, protocol="tcp", external_port=2012, internal_port=31).status == 200


def test_a_floating_ip_forwards_or_reaches_one_port(blue: Talk, site: Site) -> None:
    used, other = site.address(), blue.port(site.network)
    blue.update("floatingip", used["id"], port_id=other["id"])
    assert used["id"] in site.refused(409, "FloatingIPPortAlreadyAssociated", of=used)
    assert other["id"] in site.refused(409, "PortHasBindingFloatingIP", to=other)
    made = site.forward()
    refusal(site.change(made, internal_port_id=other["id"], internal_ip_address=addresses(other)[0]), 409,
            "PortHasBindingFloatingIP")  # fmt: skip
    kind = "FipInUseByPortForwarding"
    blue.no_update(409, kind, "floatingip", site.floating_ip["id"], port_id=blue.port(site.network)["id"])
    assert blue.update("floatingip", site.floating_ip["id"], port_id=None)["router_id"] == site.router["id"]
    blue.update("floatingip", site.address()["id"], port_id=site.guest["id"])


def test_a_distributed_router_answers_under_one_address(admin: Talk, blue: Talk, outside: External) -> None:
    site = Site(blue, outside())
    admin.update("router", site.router["id"], admin_state_up=False)
    admin.update("router", site.router["id"], distributed=True)
    site.forward()
    blue.no_update(400, "PortHasPortForwarding", "floatingip", site.address()["id"], port_id=site.guest["id"])


def test_all_are_behind_one_router(blue: Talk, site: Site) -> None:
    site.forward()
    far = Site(blue, site.external)
    assert site.router["id"] in site.refused(400, "BadRequest", to=far.guest, external_port=5, internal_port=5)
    lonely = blue.port(blue.network("10.9.0.0/24")[0])
    assert "not reachable" in site.refused(400, "BadRequest", to=lonely, external_port=5, internal_port=5)
    network, subnet = blue.network("10.8.0.0/24")
    site.join(subnet)
    near = site.forward(to=blue.port(network), external_port=5, internal_port=5)
    answer = site.change(near, internal_port_id=far.guest["id"], internal_ip_address=addresses(far.guest)[0])
    refusal(answer, 400, "BadRequest")


def test_what_needs_it_stays_and_what_it_needs(blue: Talk, site: Site) -> None:
    site.forward()
    path = f"/v2.0/routers/{site.router['id']}"
    kind = "RouterInterfaceInUseByFloatingIP"
    blue.refused(409, kind, "PUT", f"{path}/remove_router_interface", {"subnet_id": site.subnet["id"]})
    kind = "RouterExternalGatewayInUseByFloatingIp"
    blue.refused(409, kind, "PUT", path, {"router": {"external_gateway_info": None}})
    blue.delete("port", site.guest["id"])
    assert (site.shown()["port_forwardings"], site.shown()["router_id"]) == ([], None)
    blue.put(f"{path}/remove_router_interface", {"subnet_id": site.subnet["id"]})


def test_an_address_that_the_port_loses(blue: Talk, site: Site) -> None:
    port = blue.port(site.network, fixed_ips=[{"ip_address": "10.0.0.50"}, {"ip_address": "10.0.0.51"}])
    site.forward(to=port)
    second = site.forward(external_port=1, internal_port=1, to=port, internal_ip_address="10.0.0.51")
    blue.update("port", port["id"], fixed_ips=[{"ip_address": "10.0.0.51"}])
    assert [item["id"] for item in site.shown()["port_forwardings"]] == [second["id"]]
    blue.update("port", port["id"], fixed_ips=[{"ip_address": "10.0.0.52"}])
    assert (site.shown()["port_forwardings"], site.shown()["router_id"]) == ([], None)


def test_others_see_and_change_nothing(cloud: Cloud, blue: Talk, red: Talk, site: Site) -> None:
    made = site.forward()
    red.refused(404, "FloatingIPNotFound", "GET", site.path())
    red.refused(404, "FloatingIPNotFound", "POST", site.path(), site.body(external_port=1, internal_port=1))
    red.refused(404, "FloatingIPNotFound", "DELETE", site.path(made["id"]))
    blue.refused(404, "PortForwardingNotFound", "GET", site.path(made["id"], of=site.address()))
    own = red.create("floatingip", floating_network_id=site.external["id"])
    kind = "PortNotFound"
    red.refused(404, kind, "POST", f"/v2.0/floatingips/{own['id']}/port_forwardings", site.body())


def test_what_its_host_is_told_and_says(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    external = admin.create("network", {"router:external": True})
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    own_cloud.report("routerhost")
    site = Site(blue, external)
    made = site.forward(external_port_range="8000:8001", internal_port_range="80:81")
    assert site.shown()["status"] == "DOWN"
    mirror = Mirror()
    mirror.apply(sync.fetch(own_cloud.store, Compiler(), FetchRequest(host="routerhost")))
    (told,) = mirror.floating_ips.values()
    assert (told.id, told.router_id, told.fixed_ip) == (site.floating_ip["id"], site.router["id"], "")
    assert told.forwardings == [Forwarding(made["id"], "tcp", 8000, 8001, addresses(site.guest)[0], 80, 81)]
    own_cloud.report("routerhost", Status(kind="floating_ip", id=told.id, revision=told.revision, state="up"))
    assert site.shown()["status"] == "ACTIVE"
    site.delete(made)
    assert site.shown()["status"] == "DOWN"
    reply = sync.fetch(
        own_cloud.store, Compiler(),
        FetchRequest(host="routerhost", revision=mirror.revision, scopes=sorted(mirror.scopes)),
    )  # fmt: skip
    mirror.apply(reply)
    assert mirror.floating_ips == {}
