"""Names of ports and floating IPs: which domain they are in, what the network's DNS answers, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses

from heddle.view.shapes import LOADERS


def fqdns(port: dict[str, Any]) -> list[str]:
    return [item["fqdn"] for item in port["dns_assignment"]]


def test_a_port_in_a_domain_of_its_own(blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    port = blue.port(network, dns_name="d1", dns_domain="Test.org.")
    assert (port["dns_name"], port["dns_domain"]) == ("d1", "test.org.")
    assert port["dns_assignment"] == [
        {"hostname": "d1", "ip_address": addresses(port)[0], "fqdn": "d1.test.org."},
    ]
    assert blue.list("port", f"?id={port['id']}") == [port]
    changed = blue.update("port", port["id"], dns_name="d2", dns_domain="d.org.")
    assert fqdns(changed) == ["d2.d.org."] and "dns_zone" not in changed
    changed = blue.update("port", port["id"], dns_domain="")
    assert fqdns(changed) == ["d2.openstacklocal."] and changed["dns_domain"] == ""


def test_the_own_domain_the_networks_and_the_clouds(blue: Talk) -> None:
    network = blue.create("network", dns_domain="net.example.")
    blue.subnet(network, "10.0.0.0/24")
    named, plain = blue.port(network, dns_name="a"), blue.port(network)
    own = blue.port(network, dns_domain="own.example.")
    host = "host-" + addresses(plain)[0].replace(".", "-")
    assert fqdns(named) == ["a.net.example."] and fqdns(plain) == [f"{host}.net.example."]
    assert fqdns(own)[0].endswith(".own.example.")
    blue.update("network", network["id"], dns_domain="")
    assert fqdns(blue.show("port", named["id"])) == ["a.openstacklocal."]


def test_a_name_of_several_labels_and_a_full_one(blue: Talk) -> None:
    network = blue.create("network", dns_domain="net.example.")
    blue.subnet(network, "10.0.0.0/24")
    port = blue.port(network, dns_name="web.eu")
    assert [(item["hostname"], item["fqdn"]) for item in port["dns_assignment"]] == [("web.eu", "web.eu.net.example.")]
    full = blue.port(network, dns_name="db.net.example.")
    assert [(item["hostname"], item["fqdn"]) for item in full["dns_assignment"]] == [("db", "db.net.example.")]


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"dns_name": "web.elsewhere."}, "none in the domain 'net.example.'"),
        ({"dns_name": "net.example."}, "none in the domain"),
        ({"dns_name": ".".join(["x" * 60] * 4), "dns_domain": "far.too.long.example."}, "longer than 255"),
        ({"dns_name": "<project_id>"}, "not allowed"),
        ({"dns_domain": "example.org"}, "end with a dot"),
        ({"dns_domain": "<shoe>.example.org."}, "<shoe>"),
    ],
)
def test_wrong_names_are_refused(blue: Talk, attributes: dict[str, str], says: str) -> None:
    network = blue.create("network", dns_domain="net.example.")
    assert says in blue.no_create(400, "HTTPBadRequest", "port", {"network_id": network["id"], **attributes})
    port = blue.port(network)
    assert says in blue.no_update(400, "HTTPBadRequest", "port", port["id"], attributes)


def test_keywords_are_replaced_by_the_ports_own_words(own_cloud: Cloud) -> None:
    admin, blue, red = own_cloud.admin, own_cloud.tenant(), own_cloud.tenant()
    network = admin.create("network", shared=True, dns_domain="<user_name>.<project_id>.example.")
    assert network["dns_domain"] == "<user_name>.<project_id>.example."
    admin.subnet(network, "10.0.0.0/24")
    made = {}
    for talk in (blue, red):
        port = made[talk.project_id] = talk.port(network, dns_name="web")
        (fqdn,) = fqdns(port)
        assert fqdn.endswith(f".{talk.project_id}.example.") and fqdn.startswith("web.tenant")
        assert port["dns_domain"] == ""
        assert fqdns(talk.show("port", port["id"])) == [fqdn]
    assert fqdns(made[blue.project_id]) != fqdns(made[red.project_id])
    for_blue = admin.port(network, dns_name="x", project_id=blue.project_id)
    assert fqdns(for_blue) == [f"x.admin.{blue.project_id}.example."]


def test_a_word_that_is_no_label_is_made_one(cloud: Cloud, admin: Talk) -> None:
    project = cloud.people.project("Blue & Söhne, 2nd ")
    network = admin.create("network", dns_domain="<project_name>.example.")
    admin.subnet(network, "10.0.0.0/24")
    port = admin.port(network, dns_name="web", project_id=project, dns_domain="<project_name>.own.")
    assert fqdns(port) == ["web.blue-s-hne-2nd.own."]
    assert port["dns_domain"] == "<project_name>.own."


def test_hosts_are_told_the_domain(cloud: Cloud, blue: Talk) -> None:
    network = blue.create("network", dns_domain="<project_id>.example.")
    blue.subnet(network, "10.0.0.0/24")
    port, own = blue.port(network, dns_name="web"), blue.port(network, dns_domain="own.")
    with cloud.store.read() as tx:
        views = {view.id: view for view in LOADERS["neighbour"](tx, {port["id"]: 1, own["id"]: 1})}
        (net,) = LOADERS["network"](tx, {network["id"]: 1})
    assert [views[port["id"]].domain, views[own["id"]].domain] == [f"{blue.project_id}.example.", "own."]  # type: ignore[attr-defined]
    assert net.dns_domain == ""  # type: ignore[attr-defined]


def test_the_names_of_a_floating_ip(blue: Talk, outside: Callable[..., dict[str, str]]) -> None:
    body = {"floating_network_id": outside()["id"]}
    made = blue.create("floatingip", body, dns_name="web", dns_domain="example.org.")
    assert (made["dns_name"], made["dns_domain"]) == ("web", "example.org.")
    blue.no_update(400, "HTTPBadRequest", "floatingip", made["id"], dns_name="other")
    assert "dns_domain" in blue.no_create(400, "BadRequest", "floatingip", body, dns_name="web")
    assert "dns_name" in blue.no_create(400, "BadRequest", "floatingip", body, dns_domain="example.org.")
    blue.no_create(400, "HTTPBadRequest", "floatingip", body, dns_name="web.", dns_domain="example.org.")


def test_whether_a_subnets_addresses_are_published(blue: Talk) -> None:
    network, subnet = blue.network("10.0.0.0/24")
    assert subnet["dns_publish_fixed_ip"] is False
    assert blue.update("subnet", subnet["id"], dns_publish_fixed_ip=True)["dns_publish_fixed_ip"] is True
    assert blue.subnet(network, "10.1.0.0/24", dns_publish_fixed_ip="yes")["dns_publish_fixed_ip"] is True
    blue.no_update(400, "HTTPBadRequest", "subnet", subnet["id"], dns_publish_fixed_ip="x")
