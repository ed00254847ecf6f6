"""What a list costs: as many statements for a few objects as for many, on every engine."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from bench import scaling
from tests.api.conftest import Cloud
from tests.api.talk import Talk, collection_of, path_of
from tests.api.test_concurrency import counted

MANY = 520
UNLIMITED = ("network", "subnet", "port", "security_group", "security_group_rule", "router", "subnetpool", "floatingip")


def _bodies(member: str, talk: Talk) -> list[dict[str, Any]]:
    match member:
        case "port":
            network, _ = talk.network("10.0.0.0/16")
            return [{"network_id": network["id"]}] * MANY
        case "subnet":
            network, _ = talk.network()
            return [
                {"network_id": network["id"], "ip_version": 4, "cidr": f"10.{number >> 8}.{number & 255}.0/24"}
                for number in range(MANY)
            ]
        case "floatingip":
            network, _ = talk.network("203.0.0.0/16")
            talk.update("network", network["id"], {"router:external": True})
            return [{"floating_network_id": network["id"]}] * MANY
        case _:
            return [{"name": f"object {number}"} for number in range(MANY)]


def _cost(cloud: Cloud, member: str, count: int, query: str) -> int:
    """The statements of a list of so many."""
    with counted(cloud.store) as statements:
        found = cloud.admin.client.get(path_of(member) + query).json()[collection_of(member)]
    assert len(found) >= count
    return len(statements)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("member", ["port", "network", "subnet", "router", "security_group", "floatingip"])
def test_a_list_takes_as_many_statements_for_few_as_for_many(own_cloud: Cloud, member: str) -> None:
    admin = own_cloud.admin
    admin.put(f"/v2.0/quotas/{admin.project_id}", {"quota": dict.fromkeys(UNLIMITED, -1)})
    bodies = _bodies(member, admin)
    admin.bulk(member, bodies[:10])
    few = {query: _cost(own_cloud, member, 10, query) for query in ("", "?fields=id", "?sort_key=name&sort_key=id")
           if "name" not in query or member != "floatingip"}  # fmt: skip
    admin.bulk(member, bodies[10:])
    assert {query: _cost(own_cloud, member, MANY, query) for query in few} == few
    assert max(few.values()) <= 12 and few["?fields=id"] <= few[""]


@pytest.mark.timeout(180)
def test_what_sqlite_reads_for_a_list_does_not_grow_with_what_it_leaves_out(embedded_cloud: Cloud) -> None:
    admin, few = embedded_cloud.admin, embedded_cloud.tenant()
    admin.put(f"/v2.0/quotas/{admin.project_id}", {"quota": {"port": -1}})
    network, _ = admin.network("10.0.0.0/16", enable_dhcp=False)
    other, _ = few.network("10.1.0.0/24", enable_dhcp=False)
    few.bulk("port", [{"network_id": other["id"], "device_id": "device"}] * 3)
    lists = [(admin, "?limit=20"), (admin, "?device_id=device"), (admin, f"?network_id={other['id']}"),
             (admin, "?fixed_ips=ip_address%3D10.1.0.3"), (few, ""), (few, "?device_id=device")]  # fmt: skip

    def cost(talk: Talk, query: str) -> tuple[int, int]:
        talk.client.get(f"/v2.0/ports{query}")
        found = scaling.count(embedded_cloud.store, partial(talk.client.get, f"/v2.0/ports{query}"))
        return found.statements, found.steps

    admin.bulk("port", [{"network_id": network["id"]}] * 200)
    small = [cost(*each) for each in lists]
    admin.bulk("port", [{"network_id": network["id"]}] * 2000)
    for before, after, each in zip(small, [cost(*each) for each in lists], lists, strict=True):
        assert after[0] == before[0] > 0 and before[1] > 10, each
        assert after[1] < 1.2 * before[1], (each[1], before, after)
