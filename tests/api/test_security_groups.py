"""Security groups and rules: the default group, rules that clash, what is in use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.statements import counted
from tests.api.talk import Talk

ID = "7c241101-e2bb-4255-8caf-4136c566a963"


def test_every_project_has_a_default_group(blue: Talk) -> None:
    (group,) = blue.list("security_group")
    assert (group["name"], group["description"], group["stateful"]) == ("default", "Default security group", True)
    rules = [(r["direction"], r["ethertype"], r["remote_group_id"]) for r in group["security_group_rules"]]
    own = group["id"]
    assert sorted(rules, key=str) == sorted(
        [("egress", "IPv4", None), ("egress", "IPv6", None), ("ingress", "IPv4", own), ("ingress", "IPv6", own)],
        key=str,
    )
    assert all(rule["belongs_to_default_sg"] for rule in group["security_group_rules"])
    blue.no_create(409, "SecurityGroupDefaultAlreadyExists", "security_group", name="Default")
    blue.no_delete(409, "SecurityGroupCannotRemoveDefault", "security_group", own)
    blue.no_update(409, "SecurityGroupCannotUpdateDefault", "security_group", own, name="other")
    assert blue.update("security_group", own, description="mine")["description"] == "mine"


def test_the_administrator_who_looks_at_a_project_sees_its_default_group(admin: Talk, blue: Talk, red: Talk) -> None:
    (group,) = admin.list("security_group", f"?project_id={blue.project_id}")
    assert (group["name"], group["project_id"]) == ("default", blue.project_id)
    assert admin.list("security_group", f"?tenant_id={blue.project_id}") == [group]
    assert admin.list("security_group", f"?project_id={'0' * 32}") == []
    assert blue.list("security_group", f"?project_id={red.project_id}") == []
    (rule, *_) = admin.list("security_group_rule", f"?project_id={red.project_id}")
    assert rule["project_id"] == red.project_id


def test_a_group(blue: Talk, red: Talk) -> None:
    made = blue.create("security_group", name="web", stateful=False)
    wanted = {
        "name": "web", "description": "", "stateful": False, "shared": False, "tags": [], "revision_number": 1,
        "project_id": blue.project_id, "tenant_id": blue.project_id, "id": made["id"],
        "created_at": made["created_at"], "updated_at": made["created_at"],
        "security_group_rules": made["security_group_rules"],
    }  # fmt: skip
    assert made == wanted and blue.show("security_group", made["id"]) == made
    assert [rule["direction"] for rule in made["security_group_rules"]] == ["egress", "egress"]
    red.no_delete(404, "SecurityGroupNotFound", "security_group", made["id"])
    new = blue.update("security_group", made["id"], name="db", stateful=True)
    assert (new["name"], new["stateful"], new["revision_number"]) == ("db", True, 2)
    port = blue.port(blue.create("network"), security_groups=[made["id"]])
    blue.no_delete(409, "SecurityGroupInUse", "security_group", made["id"])
    blue.no_update(409, "SecurityGroupInUse", "security_group", made["id"], stateful=False)
    blue.delete("port", port["id"])
    blue.delete("security_group", made["id"])


def test_a_rule(blue: Talk) -> None:
    group = blue.create("security_group", name="web")
    made = blue.create(
        "security_group_rule", security_group_id=group["id"], direction="ingress", protocol="TCP",
        port_range_min="80", port_range_max=90, remote_ip_prefix="10.0.0.7/24",
    )  # fmt: skip
    wanted = {
        "security_group_id": group["id"], "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
        "port_range_min": 80, "port_range_max": 90, "remote_ip_prefix": "10.0.0.7/24", "remote_group_id": None,
        "remote_address_group_id": None,
        "normalized_cidr": "10.0.0.0/24", "belongs_to_default_sg": False, "description": "", "tags": [],
        "revision_number": 1, "project_id": blue.project_id, "tenant_id": blue.project_id, "id": made["id"],
        "created_at": made["created_at"], "updated_at": made["created_at"],
    }  # fmt: skip
    assert made == wanted and blue.show("security_group_rule", made["id"]) == made
    assert blue.show("security_group", group["id"])["revision_number"] == 2
    cidrs = ("remote_ip_prefix=10.0.0.7/24", "normalized_cidr=10.0.0.0/24")
    for query in ("direction=ingress", "protocol=tcp", "port_range_min=80", *cidrs):
        found = blue.ids("security_group_rule", f"?security_group_id={group['id']}&{query}")
        assert found == [made["id"]], query
    body = {"security_group_rule": {"description": "x"}}
    path = f"/v2.0/security-group-rules/{made['id']}"
    blue.refused(405, "HTTPMethodNotAllowed", "PUT", path, body)
    blue.delete("security_group_rule", made["id"])
    blue.refused(404, "SecurityGroupRuleNotFound", "GET", path)


def test_the_rules_of_a_group_go_with_it(blue: Talk) -> None:
    one = blue.create("security_group", name="one")
    two = blue.create("security_group", name="two")
    body = {"security_group_id": two["id"], "direction": "ingress", "remote_group_id": one["id"]}
    rule = blue.create("security_group_rule", body)
    blue.delete("security_group", one["id"])
    blue.refused(404, "SecurityGroupRuleNotFound", "GET", f"/v2.0/security-group-rules/{rule['id']}")
    assert len(blue.list("security_group_rule", f"?security_group_id={two['id']}")) == 2


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ({"protocol": "icmp", "port_range_min": 8, "port_range_max": 0}, {"port_range_max": 0}),
        ({"protocol": 6, "port_range_min": 1, "port_range_max": 1}, {"protocol": "6"}),
        ({"protocol": "any"}, {"protocol": None}),
        ({"protocol": "ipv6-icmp", "ethertype": "IPv6"}, {"ethertype": "IPv6"}),
        ({"protocol": "icmpv6", "ethertype": "IPv6"}, {}),
        ({"protocol": "vrrp"}, {"protocol": "vrrp"}),
        ({"protocol": "112"}, {"protocol": "112"}),
        ({"remote_ip_prefix": "10.0.0.9"}, {"remote_ip_prefix": "10.0.0.9/32"}),
        ({"remote_ip_prefix": "0.0.0.0/0"}, {"remote_ip_prefix": "0.0.0.0/0"}),
        ({"remote_ip_prefix": "2001:DB8::/32", "ethertype": "IPv6"}, {"remote_ip_prefix": "2001:db8::/32"}),
        ({"direction": "egress", "protocol": "udp", "port_range_min": 53, "port_range_max": 53}, {}),
        ({"ethertype": "ipv6"}, {"ethertype": "IPv6"}),
        ({"protocol": 43, "ethertype": "IPv6"}, {"protocol": "43"}),
        (
            {"protocol": "tcp", "port_range_min": 1, "port_range_max": 65535},
            {"port_range_min": None, "port_range_max": None},
        ),
        (
            {"remote_ip_prefix": "2001:DB8::7/64", "ethertype": "IPv6"},
            {"remote_ip_prefix": "2001:db8::7/64", "normalized_cidr": "2001:db8::/64"},
        ),
    ],
)
def test_rules_that_are_right(blue: Talk, rule: dict[str, Any], shown: dict[str, Any]) -> None:
    group = blue.create("security_group", name="web")
    made = blue.create("security_group_rule", {"security_group_id": group["id"], "direction": "ingress", **rule})
    assert {name: made[name] for name in shown} == shown


@pytest.mark.parametrize(
    ("rule", "status", "kind"),
    [
        ({"direction": "sideways"}, 400, "HTTPBadRequest"),
        ({"ethertype": "IPX"}, 400, "HTTPBadRequest"),
        ({"protocol": "shoe"}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": 256}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "tcp", "port_range_min": 1, "port_range_max": 65536}, 400, "SecurityGroupInvalidPortValue"),
        ({"protocol": "tcp", "port_range_min": "x", "port_range_max": 9}, 400, "SecurityGroupInvalidPortValue"),
        ({"protocol": "tcp", "port_range_min": 0, "port_range_max": 9}, 400, "SecurityGroupInvalidPortValue"),
        ({"protocol": "tcp", "port_range_min": 9, "port_range_max": 8}, 400, "SecurityGroupInvalidPortRange"),
        ({"protocol": "tcp", "port_range_min": 9}, 400, "SecurityGroupInvalidPortRange"),
        ({"port_range_min": 9, "port_range_max": 9}, 400, "SecurityGroupProtocolRequiredWithPorts"),
        ({"protocol": "icmp", "port_range_min": 300}, 400, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "icmp", "port_range_max": 3}, 400, "SecurityGroupMissingIcmpType"),
        ({"protocol": "vrrp", "port_range_min": 1, "port_range_max": 1}, 400, "SecurityGroupInvalidProtocolForPort"),
        ({"remote_ip_prefix": "10.0.0.0/33"}, 400, "InvalidCIDR"),
        ({"remote_ip_prefix": "ten"}, 400, "InvalidCIDR"),
        ({"remote_ip_prefix": "2001:db8::/64"}, 400, "SecurityGroupRuleParameterConflict"),
        ({"protocol": "ipv6-icmp"}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"protocol": 43}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"protocol": "58"}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"remote_group_id": ID, "remote_ip_prefix": "10.0.0.0/8"}, 400, "SecurityGroupMultipleRemoteEntites"),
        ({"remote_group_id": ID}, 404, "SecurityGroupNotFound"),
        ({"remote_group_id": "x"}, 404, "SecurityGroupNotFound"),
        ({"remote_group_id": ""}, 400, "HTTPBadRequest"),
        ({"remote_group_id": "x" * 37}, 400, "HTTPBadRequest"),
        ({"security_group_id": "x"}, 404, "SecurityGroupNotFound"),
        ({"security_group_id": ID}, 404, "SecurityGroupNotFound"),
    ],
)
def test_rules_that_are_wrong(blue: Talk, rule: dict[str, Any], status: int, kind: str) -> None:
    group = blue.create("security_group", name="web")
    body = {"security_group_id": group["id"], "direction": "ingress", **rule}
    blue.no_create(status, kind, "security_group_rule", body)
    assert len(blue.list("security_group_rule", f"?security_group_id={group['id']}")) == 2


def test_the_same_rule_twice(blue: Talk) -> None:
    group = blue.create("security_group", name="web")
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    made = blue.create("security_group_rule", rule)
    assert made["id"] in blue.no_create(409, "SecurityGroupRuleExists", "security_group_rule", rule)
    twice = {"security_group_rules": [{**rule, "protocol": "udp"}, {**rule, "protocol": "udp"}]}
    blue.refused(409, "DuplicateSecurityGroupRuleInPost", "POST", "/v2.0/security-group-rules", twice)
    several = [{**rule, "protocol": "udp"}, {**rule, "protocol": "sctp"}]
    assert len(blue.bulk("security_group_rule", several)) == 2


@pytest.mark.parametrize(
    ("first", "again", "other"),
    [
        ({"protocol": "tcp"}, {"protocol": 6}, {"protocol": 17}),
        ({"protocol": "tcp"}, {"protocol": "tcp", "port_range_min": 1, "port_range_max": 65535}, {}),
        (
            {"protocol": "tcp"},
            {"protocol": "tcp", "description": "another text"},
            {"protocol": "tcp", "direction": "egress"},
        ),
        ({"remote_ip_prefix": "10.0.0.7/24"}, {"remote_ip_prefix": "10.0.0.9/24"}, {"remote_ip_prefix": "10.0.0.7"}),
        ({"protocol": "udp"}, {"protocol": "udp", "remote_ip_prefix": "0.0.0.0/0"}, {"remote_ip_prefix": "9.9.9.9"}),
        ({"remote_ip_prefix": "0.0.0.0/0"}, {}, {"ethertype": "IPv6"}),
        (
            {"protocol": "icmp", "ethertype": "IPv6", "remote_ip_prefix": "::/0"},
            {"protocol": "icmpv6", "ethertype": "IPv6"},
            {"protocol": "icmp"},
        ),
    ],
)
def test_rules_that_say_the_same(
    blue: Talk, first: dict[str, Any], again: dict[str, Any], other: dict[str, Any]
) -> None:
    group = blue.create("security_group", name="web")
    body = {"security_group_id": group["id"], "direction": "ingress"}
    made = blue.create("security_group_rule", {**body, **first})
    assert made["id"] in blue.no_create(409, "SecurityGroupRuleExists", "security_group_rule", {**body, **again})
    blue.create("security_group_rule", {**body, **other})
    assert len(blue.show("security_group", group["id"])["security_group_rules"]) == 4


def test_what_clients_read_in_refusals(blue: Talk) -> None:
    group = blue.create("security_group", name="web")
    body = {"security_group_id": group["id"], "direction": "ingress"}

    def text(kind: str, protocol: str, low: int | None, high: int | None) -> str:
        ends = {"protocol": protocol, "port_range_min": low, "port_range_max": high}
        return blue.no_create(400, kind, "security_group_rule", {**body, **ends})

    assert "Invalid value for port -16" in text("SecurityGroupInvalidPortValue", "tcp", -16, 80)
    assert "Invalid value for port 65536" in text("SecurityGroupInvalidPortValue", "tcp", 80, 65536)
    assert "port_range_min must be <= port_range_max" in text("SecurityGroupInvalidPortRange", "tcp", None, 6)
    assert "Invalid value for ICMP code" in text("SecurityGroupInvalidIcmpValue", "icmp", 1, 256)
    assert "Invalid value for ICMP type" in text("SecurityGroupInvalidIcmpValue", "icmp", 300, 1)
    assert "ICMP type (port-range-min) is missing" in text("SecurityGroupMissingIcmpType", "icmp", None, 6)


def test_a_port_has_groups_of_one_kind(blue: Talk) -> None:
    kept, loose = (blue.create("security_group", name=str(kind), stateful=kind)["id"] for kind in (True, False))
    other = blue.create("security_group", name="other", stateful=False)["id"]
    network = blue.create("network")
    mixed = {"network_id": network["id"], "security_groups": [kept, loose]}
    blue.no_create(409, "SecurityGroupConflict", "port", mixed)
    port = blue.port(network, security_groups=[loose])
    blue.no_update(409, "SecurityGroupConflict", "port", port["id"], security_groups=[loose, kept])
    assert blue.show("port", port["id"])["security_groups"] == [loose]
    both = blue.update("port", port["id"], security_groups=[loose, other])
    assert set(both["security_groups"]) == {loose, other}
    assert blue.update("port", port["id"], security_groups=[kept])["security_groups"] == [kept]
    blue.no_update(409, "SecurityGroupInUse", "security_group", kept, stateful=False)
    assert blue.update("security_group", kept, stateful=True)["stateful"]
    assert blue.update("security_group", loose, stateful=True)["stateful"]
    assert set(blue.update("port", port["id"], security_groups=[kept, loose])["security_groups"]) == {kept, loose}


def test_rules_of_others(blue: Talk, red: Talk) -> None:
    group = blue.create("security_group", name="web")
    body = {"security_group_id": group["id"], "direction": "ingress"}
    red.no_create(404, "SecurityGroupNotFound", "security_group_rule", body)
    rule = blue.create("security_group_rule", body)
    red.no_delete(404, "SecurityGroupRuleNotFound", "security_group_rule", rule["id"])


def test_kinds_do_not_mix_while_a_group_changes_its_own(cloud: Cloud, blue: Talk) -> None:
    """Ports are made with two groups while one of these becomes stateless and stateful again."""
    kept, other = (blue.create("security_group", name=name)["id"] for name in ("kept", "other"))
    network = blue.create("network")
    statuses: list[int] = []

    def change(number: int) -> None:
        body = {"security_group": {"stateful": number % 2 == 1}}
        statuses.append(blue.client.call("PUT", f"/v2.0/security-groups/{other}", body).status)

    def use(number: int) -> None:
        body = {"port": {"network_id": network["id"], "security_groups": [kept, other]}}
        answer = blue.client.post("/v2.0/ports", body)
        statuses.append(answer.status)
        if answer.status == 201:
            shown = {id: blue.show("security_group", id)["stateful"] for id in (kept, other)}
            assert shown == {kept: True, other: True}, "a group in use changed"
            blue.delete("port", answer.json()["port"]["id"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: (change, use)[number % 2](number // 2), range(80)))
    assert set(statuses) <= {200, 201, 409} and {200, 201} <= set(statuses)


def test_the_same_rule_at_once(blue: Talk) -> None:
    group = blue.create("security_group", name="web")
    body = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: blue.client.post("/v2.0/security-group-rules", body), range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    shown = blue.show("security_group", group["id"])
    assert (len(shown["security_group_rules"]), shown["revision_number"]) == (3, 2)


def test_quotas_count_the_default_group_which_they_do_not_hinder(admin: Talk, blue: Talk) -> None:
    path = f"/v2.0/quotas/{blue.project_id}"

    def used() -> tuple[int, int]:
        found = blue.client.get(f"{path}/details.json").json()["quota"]
        return found["security_group"]["used"], found["security_group_rule"]["used"]

    admin.put(path, {"quota": {"security_group": 0, "security_group_rule": 0}})
    network = blue.create("network")
    (group,) = blue.list("security_group")
    assert used() == (1, 4) and blue.port(network)["security_groups"] == [group["id"]]
    admin.put(path, {"quota": {"security_group": 1, "security_group_rule": 100}})
    blue.no_create(409, "OverQuota", "security_group", name="second")
    admin.put(path, {"quota": {"security_group": 2, "security_group_rule": 5}})
    blue.no_create(409, "OverQuota", "security_group", name="second")
    assert used() == (1, 4)
    admin.put(path, {"quota": {"security_group_rule": 7}})
    second = blue.create("security_group", name="second")
    assert used() == (2, 6)
    rule = {"security_group_id": second["id"], "direction": "ingress"}
    twice = {"security_group_rules": [{**rule, "protocol": "tcp"}, {**rule, "protocol": "udp"}]}
    blue.refused(409, "OverQuota", "POST", "/v2.0/security-group-rules", twice)
    blue.create("security_group_rule", rule)
    blue.delete("security_group", second["id"])
    assert used() == (1, 4)


@pytest.mark.timeout(120)
def test_a_group_costs_the_same_however_many_rules_it_has(own_cloud: Cloud) -> None:
    talk = own_cloud.tenant()
    own_cloud.admin.put(f"/v2.0/quotas/{talk.project_id}", {"quota": {"security_group_rule": -1}})
    group = talk.create("security_group", name="big")
    ports = iter(range(1, 60000))

    def rules(count: int, of: str = group["id"]) -> list[dict[str, Any]]:
        body = {"security_group_id": of, "direction": "ingress", "protocol": "tcp"}
        return [{**body, "port_range_min": port, "port_range_max": port} for port, _ in zip(ports, range(count))]  # noqa: B905

    def cost(several: int) -> dict[str, list[str]]:
        found = {}
        with counted(own_cloud.store) as found["show"]:
            talk.show("security_group", group["id"])
        with counted(own_cloud.store) as found["list"]:
            talk.list("security_group_rule", f"?security_group_id={group['id']}")
        with counted(own_cloud.store) as found["create"]:
            made = talk.create("security_group_rule", rules(1)[0])
        with counted(own_cloud.store) as found["delete"]:
            talk.delete("security_group_rule", made["id"])
        new = rules(several)
        with counted(own_cloud.store) as found["several"]:
            talk.bulk("security_group_rule", new)
        found["several"] = [text.partition(" ")[2] for text in found["several"]]
        other = talk.create("security_group", name="other")["id"]
        talk.bulk("security_group_rule", rules(several, other))
        with counted(own_cloud.store) as found["delete the group"]:
            talk.delete("security_group", other)
        return found

    cost(10)
    small = cost(10)
    talk.bulk("security_group_rule", rules(1000))
    assert len(talk.show("security_group", group["id"])["security_group_rules"]) > 1000
    assert cost(1000) == small
    assert len(small["show"]) <= 3 and len(small["create"]) <= 20 and len(small["several"]) <= 20
