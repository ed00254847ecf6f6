"""Address groups: many requests at once, what a list costs, and what hosts hear of a change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk
from tests.api.test_address_groups import GIVEN, path, put
from tests.api.test_concurrency import counted, together

from heddle.agent.mirror import Mirror
from heddle.control import sync
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest, group_scope


@pytest.mark.timeout(120)
def test_a_group_goes_while_a_rule_begins_to_name_it(blue: Talk) -> None:
    web = blue.create("security_group", name="web")
    outcomes = set()
    for _ in range(12):
        group = blue.create("address_group")
        body = {"security_group_id": web["id"], "direction": "ingress", "remote_address_group_id": group["id"]}
        statuses: dict[str, int] = {}

        def call(method: str, url: str, body: Any = None, *, into: dict[str, int] = statuses) -> Callable[[], None]:
            return lambda: into.update({method: blue.client.call(method, url, body).status})

        together(
            call("DELETE", f"/v2.0/address-groups/{group['id']}"),
            call("POST", "/v2.0/security-group-rules", {"security_group_rule": body}),
        )
        assert statuses in ({"DELETE": 204, "POST": 404}, {"DELETE": 409, "POST": 201})
        outcomes.add(statuses["POST"])
        named = blue.list("security_group_rule", f"?remote_address_group_id={group['id']}")
        assert len(named) == (statuses["POST"] == 201)
    assert outcomes <= {201, 404}


@pytest.mark.timeout(120)
def test_no_address_is_lost_or_twice_in_a_group(blue: Talk) -> None:
    group = blue.create("address_group", addresses=["10.0.0.0/24"])
    accepted: list[str] = []

    def add(own: int) -> Callable[[], None]:
        def work() -> None:
            for number in range(10):
                blue.put(path(group, "add"), {"addresses": [f"10.{own}.{number}.0/24"]})
                answer = blue.client.call("PUT", path(group, "add"), {"addresses": [f"10.99.{number}.0/24"]})
                assert answer.status in (200, 400), answer.body
                accepted.extend([f"10.99.{number}.0/24"] * (answer.status == 200))

        return work

    together(*(add(own) for own in range(1, 4)))
    assert sorted(accepted) == [f"10.99.{number}.0/24" for number in range(10)]
    wanted = ["10.0.0.0/24", *accepted, *(f"10.{own}.{number}.0/24" for own in range(1, 4) for number in range(10))]
    shown = blue.show("address_group", group["id"])
    assert shown["addresses"] == sorted(wanted) and shown["revision_number"] == 41


def test_a_quota_holds_for_many_at_once(admin: Talk, blue: Talk) -> None:
    admin.put(f"/v2.0/quotas/{blue.project_id}", {"quota": {"address_group": 5}})
    statuses: list[int] = []

    def work() -> None:
        statuses.append(blue.client.post("/v2.0/address-groups", {"address_group": {}}).status)

    together(*[work] * 20)
    assert sorted(statuses) == [201] * 5 + [409] * 15 and len(blue.list("address_group")) == 5


def test_a_list_costs_the_same_however_many_there_are(own_cloud: Cloud) -> None:
    talk = own_cloud.tenant()

    def cost() -> list[str]:
        with counted(own_cloud.store) as statements:
            talk.list("address_group")
        return statements

    talk.create("address_group", addresses=GIVEN)
    cost()
    few = cost()
    talk.bulk("address_group", [{"addresses": GIVEN} for _ in range(100)])
    assert cost() == few and len(few) < 6


def test_hosts_hear_of_an_address_and_no_more(own_cloud: Cloud) -> None:
    """A host with a port whose rules name the group gets the address alone; one without gets nothing."""
    talk, admin, compiler = own_cloud.tenant(), own_cloud.admin, Compiler()
    many = [f"10.{number // 256}.{number % 256}.0/24" for number in range(2000)]
    group = talk.create("address_group", addresses=many)
    web = talk.create("security_group", name="web")
    rule = {"security_group_id": web["id"], "direction": "ingress", "remote_address_group_id": group["id"]}
    rule_id = talk.create("security_group_rule", rule)["id"]
    network, _ = talk.network("10.0.0.0/16")
    for host, groups in (("host1", [web["id"]]), ("host2", [])):
        own_cloud.report(host)
        port = talk.port(network, security_groups=groups)
        admin.update("port", port["id"], {"binding:host_id": host})
    mirrors = {host: Mirror() for host in ("host1", "host2")}

    def news(host: str) -> list[Any]:
        """What a host is told, as (scope, objects, what is gone)."""
        mirror = mirrors[host]
        request = FetchRequest(host=host, revision=mirror.revision, scopes=sorted(mirror.scopes))
        reply = sync.fetch(own_cloud.store, compiler, request)
        mirror.apply(reply)
        assert mirror.broken == {}
        return [(each.scope, len(each.objects), [ref.id for ref in each.gone]) for each in reply.scopes]

    scope = group_scope(group["id"])
    assert (scope, 2000, []) in news("host1") and scope not in {each[0] for each in news("host2")}
    put(talk, "add", group, "198.51.100.0/24")
    with counted(own_cloud.store) as statements:
        assert news("host1") == [(scope, 1, [])]
    assert len(statements) < 12
    assert mirrors["host1"].members[f"{group['id']}/198.51.100.0/24"].addresses == ["198.51.100.0/24"]
    put(talk, "remove", group, many[0], many[1])
    ((name, objects, gone),) = news("host1")
    assert (name, objects, sorted(gone)) == (scope, 0, sorted(f"{group['id']}/{cidr}" for cidr in many[:2]))
    assert len(list(mirrors["host1"].members_by_group.of(group["id"]))) == 1999
    assert news("host2") == []
    talk.update("address_group", group["id"], name="other")
    assert news("host1") == [], "a name is no news"
    talk.delete("security_group_rule", rule_id)
    news("host1")
    assert scope not in mirrors["host1"].scopes and not mirrors["host1"].members_by_group.get(group["id"])
