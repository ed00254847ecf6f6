"""Local IPs and the ports that they lead to."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses, refusal

from heddle.store import changes
from heddle.view.shapes import LOADERS
from heddle.view.types import LocalIpView, host_scope

ID = "7c241101-e2bb-4255-8caf-4136c566a963"


def path(local_ip: dict[str, Any], port: str = "") -> str:
    return f"/v2.0/local_ips/{local_ip['id']}/port_associations" + (f"/{port}" if port else "")


def associate(talk: Talk, local_ip: dict[str, Any], port: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = talk.client.post(path(local_ip), {"port_association": {"fixed_port_id": port["id"], **more}})
    assert answer.status == 201, answer.body
    return dict(answer.json()["port_association"])


@pytest.fixture
def network(blue: Talk) -> dict[str, Any]:
    return blue.network("10.0.0.0/24")[0]


def test_one_of_a_port(blue: Talk, red: Talk, network: dict[str, Any]) -> None:
    port, elsewhere = blue.port(network), blue.network("10.1.0.0/24")[0]
    made = blue.create("local_ip", name="n", local_port_id=port["id"], network_id=elsewhere["id"])
    assert made == {
        "id": made["id"], "name": "n", "description": "", "local_port_id": port["id"], "network_id": network["id"],
        "local_ip_address": addresses(port)[0], "ip_mode": "translate", "project_id": blue.project_id,
        "tenant_id": blue.project_id, "tags": [], "revision_number": 1, "created_at": made["created_at"],
        "updated_at": made["created_at"],
    }  # fmt: skip
    assert blue.show("local_ip", made["id"]) == made
    assert blue.ids("local_ip", f"?local_port_id={port['id']}&ip_mode=translate") == [made["id"]]
    assert blue.update("local_ip", made["id"], name="m", description="d")["revision_number"] == 2
    blue.no_update(400, "HTTPBadRequest", "local_ip", made["id"], ip_mode="passthrough")
    red.no_delete(404, "LocalIPNotFound", "local_ip", made["id"])
    blue.no_delete(409, "ServicePortInUse", "port", port["id"])
    blue.delete("local_ip", made["id"])
    blue.no_delete(404, "LocalIPNotFound", "local_ip", made["id"])
    blue.delete("port", port["id"])


def test_one_of_a_network_has_a_port_of_its_own(blue: Talk, network: dict[str, Any]) -> None:
    made = blue.create("local_ip", network_id=network["id"], local_ip_address="10.0.0.77", ip_mode="passthrough")
    assert (made["local_ip_address"], made["ip_mode"]) == ("10.0.0.77", "passthrough")
    port = blue.show("port", made["local_port_id"])
    assert (port["device_owner"], port["device_id"], addresses(port)) == ("network:local_ip", made["id"], ["10.0.0.77"])
    blue.no_delete(409, "ServicePortInUse", "port", port["id"])
    blue.no_delete(409, "NetworkInUse", "network", network["id"])
    assert blue.create("local_ip", network_id=network["id"])["local_ip_address"].startswith("10.0.0.")
    blue.delete("local_ip", made["id"])
    blue.refused(404, "PortNotFound", "GET", f"/v2.0/ports/{port['id']}")


def test_wrong_ones_are_refused(blue: Talk, red: Talk, network: dict[str, Any]) -> None:
    two = blue.port(network, fixed_ips=[{"ip_address": "10.0.0.50"}, {"ip_address": "10.0.0.51"}])
    bare, foreign = blue.port(blue.create("network")), red.port(red.network("10.0.0.0/24")[0])
    six = blue.network("2001:db8::/64")[0]
    cases: list[tuple[int, str, dict[str, Any]]] = [
        (400, "LocalIPPortOrNetworkRequired", {}),
        (400, "LocalIPNoRequestedIP", {"local_port_id": two["id"]}),
        (400, "LocalIPRequestedIPNotFound", {"local_port_id": two["id"], "local_ip_address": "10.0.0.9"}),
        (400, "LocalIPNoIP", {"local_port_id": bare["id"]}),
        (400, "BadRequest", {"local_port_id": ID}),
        (400, "BadRequest", {"local_port_id": foreign["id"]}),
        (400, "BadRequest", {"network_id": six["id"]}),
        (404, "NetworkNotFound", {"network_id": ID}),
        (400, "InvalidIpForNetwork", {"network_id": network["id"], "local_ip_address": "10.9.0.9"}),
        (409, "IpAddressAlreadyAllocated", {"network_id": network["id"], "local_ip_address": "10.0.0.50"}),
        (400, "HTTPBadRequest", {"network_id": network["id"], "ip_mode": "teleport"}),
        (400, "HTTPBadRequest", {"network_id": "x"}),
    ]
    for status, kind, body in cases:
        blue.no_create(status, kind, "local_ip", body)
    assert blue.list("local_ip") == []
    made = blue.create("local_ip", local_port_id=two["id"], local_ip_address="10.0.0.51")
    assert made["local_ip_address"] == "10.0.0.51"


def test_the_ports_that_it_leads_to(admin: Talk, blue: Talk, network: dict[str, Any]) -> None:
    local_ip = blue.create("local_ip", network_id=network["id"])
    port, other = blue.port(network), blue.port(network)
    made = associate(blue, local_ip, port)
    assert made == {
        "local_ip_id": local_ip["id"], "local_ip_address": local_ip["local_ip_address"], "fixed_port_id": port["id"],
        "fixed_ip": addresses(port)[0], "host": "",
    }  # fmt: skip
    assert blue.client.get(path(local_ip, port["id"])).json() == {"port_association": made}
    admin.update("port", other["id"], {"binding:host_id": "host7"})
    there = associate(blue, local_ip, other, fixed_ip=addresses(other)[0])
    assert there["host"] == "host7"
    assert len(blue.client.get(path(local_ip)).json()["port_associations"]) == 2
    for query in ("host=host7", f"fixed_port_id={other['id']}", f"fixed_ip={addresses(other)[0]}"):
        assert blue.client.get(f"{path(local_ip)}?{query}").json() == {"port_associations": [there]}, query
    second = blue.create("local_ip", network_id=network["id"])
    blue.refused(404, "LocalIPAssociationNotFound", "GET", path(second, port["id"]))
    associate(blue, second, port)
    blue.no_delete(409, "LocalIPInUse", "local_ip", local_ip["id"])
    assert blue.client.call("DELETE", path(local_ip, port["id"])).status == 204
    blue.refused(404, "LocalIPAssociationNotFound", "DELETE", path(local_ip, port["id"]))
    assert blue.client.get(path(second, port["id"])).status == 200
    blue.delete("port", other["id"])
    assert blue.client.get(path(local_ip)).json() == {"port_associations": []}
    blue.delete("local_ip", local_ip["id"])


def test_wrong_associations_are_refused(blue: Talk, red: Talk, network: dict[str, Any]) -> None:
    local_ip = blue.create("local_ip", network_id=network["id"])
    two = blue.port(network, fixed_ips=[{"ip_address": "10.0.0.50"}, {"ip_address": "10.0.0.51"}])
    bare = blue.port(blue.create("network"))
    cases: list[tuple[int, str, dict[str, Any]]] = [
        (400, "HTTPBadRequest", {}),
        (400, "BadRequest", {"fixed_port_id": ID}),
        (400, "LocalIPNoIP", {"fixed_port_id": bare["id"]}),
        (400, "LocalIPNoRequestedIP", {"fixed_port_id": two["id"]}),
        (400, "LocalIPRequestedIPNotFound", {"fixed_port_id": two["id"], "fixed_ip": "10.0.0.9"}),
        (400, "HTTPBadRequest", {"fixed_port_id": two["id"], "host": "host7"}),
    ]
    for status, kind, body in cases:
        blue.refused(status, kind, "POST", path(local_ip), {"port_association": body})
    associate(blue, local_ip, two, fixed_ip="10.0.0.51")
    answer = blue.client.post(
        path(local_ip), {"port_association": {"fixed_port_id": two["id"], "fixed_ip": "10.0.0.50"}}
    )
    assert two["id"] in refusal(answer, 409, "LocalIPAssociationExists")
    red.refused(404, "LocalIPNotFound", "GET", path(local_ip))
    red.refused(404, "LocalIPNotFound", "POST", path(local_ip), {"port_association": {"fixed_port_id": two["id"]}})
    blue.update("port", two["id"], fixed_ips=[{"ip_address": "10.0.0.50"}])
    assert blue.client.get(path(local_ip)).json() == {"port_associations": []}


def test_hosts_are_told(cloud: Cloud, admin: Talk, blue: Talk, network: dict[str, Any]) -> None:
    """The host of the port is, wherever it goes."""

    def told(host: str) -> list[tuple[str, str, str, bool]]:
        with cloud.store.read() as tx:
            entries = changes.scope_content(tx.conn, host_scope(host))
            views = LOADERS["local_ip"](tx, {e.id: e.revision for e in entries if e.kind == "local_ip"})
            found = [view for view in views if isinstance(view, LocalIpView) and view.port_id == port["id"]]
        assert {view.network_id for view in found} <= {network["id"]}
        return [(each.port_id, each.local_ip, each.fixed_ip, each.translate) for each in found]

    one = blue.create("local_ip", network_id=network["id"], ip_mode="passthrough")
    two = blue.create("local_ip", network_id=network["id"])
    port = blue.port(network)
    associate(blue, one, port)
    assert told("host8") == told("host9") == []
    admin.update("port", port["id"], {"binding:host_id": "host8"})
    associate(blue, two, port)
    wanted = [(port["id"], each["local_ip_address"], addresses(port)[0], each is two) for each in (one, two)]
    assert sorted(told("host8")) == sorted(wanted)
    admin.update("port", port["id"], {"binding:host_id": "host9"})
    assert told("host8") == [] and sorted(told("host9")) == sorted(wanted)
    assert blue.client.call("DELETE", path(one, port["id"])).status == 204
    assert told("host9") == wanted[1:]
    blue.delete("port", port["id"])
    assert told("host9") == []
