"""Subnets that get their block from a subnet pool: which, how large, of which pool, and given back when they go."""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk
from tests.api.test_concurrency import together
from tests.api.test_subnet_pools import change, no_change, pool, scope

from heddle.control import prefixes
from heddle.store import changes
from heddle.store.query import subnet_pools as q
from heddle.view.shapes import LOADERS
from heddle.view.types import network_scope


def taken(talk: Talk, made: dict[str, Any], network: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A subnet of a pool, on a network of its own if none is given."""
    network = network or talk.create("network")
    body = {"network_id": network["id"], "ip_version": made["ip_version"], "subnetpool_id": made["id"]}
    return talk.create("subnet", {**body, **more})


def not_taken(talk: Talk, status: int, kind: str, made: dict[str, Any], **more: Any) -> str:
    body = {"network_id": talk.create("network")["id"], "ip_version": made["ip_version"], "subnetpool_id": made["id"]}
    return talk.no_create(status, kind, "subnet", {**body, **more})


def test_the_default_length_a_length_and_a_block(blue: Talk) -> None:
    made = pool(blue, "10.0.0.0/16", default_prefixlen=24, min_prefixlen=20, max_prefixlen=28)
    first = taken(blue, made)
    assert (first["cidr"], first["gateway_ip"]) == ("10.0.0.0/24", "10.0.0.1")
    assert first["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    assert first["subnetpool_id"] == made["id"] and "prefixlen" not in first
    assert taken(blue, made, prefixlen="28")["cidr"] == "10.0.1.0/28"
    assert taken(blue, made)["cidr"] == "10.0.2.0/24"
    assert taken(blue, made, prefixlen=28)["cidr"] == "10.0.1.16/28"
    assert taken(blue, made, prefixlen=20)["cidr"] == "10.0.16.0/20"
    chosen = taken(blue, made, cidr="10.0.3.128/25", gateway_ip=None)
    assert (chosen["cidr"], chosen["gateway_ip"]) == ("10.0.3.128/25", None)
    assert taken(blue, made, prefixlen=25)["cidr"] == "10.0.1.128/25"
    assert len(blue.ids("subnet", f"?subnetpool_id={made['id']}")) == 7


def test_what_a_pool_does_not_give(blue: Talk) -> None:
    made = pool(blue, "10.0.0.0/24", default_prefixlen=26, min_prefixlen=25, max_prefixlen=28)
    assert "25" in not_taken(blue, 400, "MinPrefixSubnetAllocationError", made, prefixlen=24)
    assert "28" in not_taken(blue, 400, "MaxPrefixSubnetAllocationError", made, prefixlen=29)
    not_taken(blue, 400, "MaxPrefixSubnetAllocationError", made, cidr="10.0.0.0/30")
    not_taken(blue, 409, "SubnetAllocationError", made, cidr="10.1.0.0/26")
    taken(blue, made, cidr="10.0.0.64/26")
    not_taken(blue, 409, "SubnetAllocationError", made, cidr="10.0.0.0/25")
    not_taken(blue, 409, "SubnetAllocationError", made, cidr="10.0.0.64/26")
    assert "IPv6" in not_taken(blue, 400, "BadRequest", made, ip_version=6)
    not_taken(blue, 400, "InvalidInput", made, cidr="2001:db8::/26")
    assert "together" in not_taken(blue, 400, "BadRequest", made, cidr="10.0.0.0/26", prefixlen=26)
    taken(blue, made, prefixlen=25)
    assert "/25" in not_taken(blue, 409, "SubnetAllocationError", made, prefixlen=25)
    assert taken(blue, made)["cidr"] == "10.0.0.0/26"
    assert "/26" in not_taken(blue, 409, "SubnetAllocationError", made)


def test_what_is_refused_takes_nothing(cloud: Cloud, blue: Talk) -> None:
    made = pool(blue, "10.0.0.0/24", default_prefixlen=25)
    not_taken(blue, 409, "GatewayConflictWithAllocationPools", made, gateway_ip="10.0.0.5",
              allocation_pools=[{"start": "10.0.0.2", "end": "10.0.0.9"}])  # fmt: skip
    not_taken(blue, 400, "InvalidInput", made, gateway_ip="10.0.0.127")
    with cloud.store.read() as tx:
        assert list(q.FREE.runs(tx, made["id"])) == prefixes.runs_of(["10.0.0.0/24"])
    inside = [{"start": "10.0.0.20", "end": "10.0.0.29"}]
    assert taken(blue, made, gateway_ip="10.0.0.5", allocation_pools=inside)["allocation_pools"] == inside


def test_a_block_comes_back(blue: Talk) -> None:
    made = pool(blue, "10.0.0.0/24", default_prefixlen=25)
    first, second = taken(blue, made), taken(blue, made)
    blue.no_delete(400, "SubnetPoolDeleteError", "subnetpool", made["id"])
    blue.delete("subnet", first["id"])
    assert taken(blue, made)["cidr"] == first["cidr"]
    blue.delete("network", second["network_id"])
    assert taken(blue, made)["cidr"] == second["cidr"]
    for network in blue.list("network", f"?project_id={blue.project_id}"):
        blue.delete("network", network["id"])
    assert taken(blue, made, prefixlen=24)["cidr"] == "10.0.0.0/24"
    blue.delete("subnet", blue.ids("subnet", f"?subnetpool_id={made['id']}")[0])
    blue.delete("subnetpool", made["id"])


def test_prefixes_with_subnets_stay(blue: Talk) -> None:
    made = pool(blue, "10.0.0.0/23", "192.168.0.0/24", default_prefixlen=26)
    block = taken(blue, made, cidr="10.0.1.64/26")
    assert "10.0.1.0/24" in no_change(
        blue, 400, "IllegalSubnetPoolPrefixUpdate", "remove_prefixes", made, "10.0.1.0/24"
    )
    assert change(blue, "remove_prefixes", made, "10.0.0.0/24", "192.168.0.0/24") == ["10.0.1.0/24"]
    blue.delete("subnet", block["id"])
    change(blue, "add_prefixes", made, "10.0.2.0/24")
    assert taken(blue, made, prefixlen=24)["cidr"] == "10.0.1.0/24"
    assert taken(blue, made, prefixlen=24)["cidr"] == "10.0.2.0/24"
    blue.update("subnetpool", made["id"], prefixes=["10.0.0.0/22"])
    assert taken(blue, made, prefixlen=24)["cidr"] == "10.0.0.0/24"
    not_taken(blue, 409, "SubnetAllocationError", made, prefixlen=23)


def test_ipv6(blue: Talk) -> None:
    made = pool(blue, "2001:db8:3::/48", default_quota=3)
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    first = taken(blue, made, **modes)
    assert (first["cidr"], first["gateway_ip"]) == ("2001:db8:3::/64", "2001:db8:3::1")
    assert taken(blue, made, prefixlen=96)["cidr"] == "2001:db8:3:1::/96"
    not_taken(blue, 400, "InvalidInput", made, prefixlen=80, **modes)
    assert taken(blue, made)["cidr"] == "2001:db8:3:2::/64"
    assert "quota" in not_taken(blue, 409, "SubnetPoolQuotaExceeded", made)
    taken(blue, made, prefixlen=96)


def test_a_quota_is_for_each_project(admin: Talk, blue: Talk, red: Talk) -> None:
    made = pool(admin, "10.0.0.0/16", default_prefixlen=24, default_quota=512, shared=True)
    for talk in (blue, red):
        kept = taken(talk, made)
        taken(talk, made, prefixlen=25)
        not_taken(talk, 409, "SubnetPoolQuotaExceeded", made)
        taken(talk, made, prefixlen=25)
        not_taken(talk, 409, "SubnetPoolQuotaExceeded", made, cidr="10.0.77.0/30")
        talk.delete("subnet", kept["id"])
        taken(talk, made)


def test_only_a_pool_that_one_sees(admin: Talk, blue: Talk) -> None:
    not_taken(blue, 404, "SubnetPoolNotFound", pool(admin))
    assert taken(blue, pool(admin, "10.0.0.0/24", shared=True), prefixlen=28)["project_id"] == blue.project_id
    not_taken(blue, 400, "InvalidInput", {"id": "prefix_delegation", "ip_version": 6})


def test_the_default_pool(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    network = blue.create("network")
    body = {"network_id": network["id"], "ip_version": 4, "use_default_subnetpool": True}
    assert "IPv4" in blue.no_create(400, "BadRequest", "subnet", body)
    hidden = pool(admin, is_default=True)
    blue.no_create(400, "BadRequest", "subnet", body)
    admin.delete("subnetpool", hidden["id"])
    made = pool(admin, "10.0.0.0/16", is_default=True, shared=True, default_prefixlen=24)
    assert "both" in blue.no_create(400, "BadRequest", "subnet", body, subnetpool_id=made["id"])
    blue.no_create(400, "BadRequest", "subnet", {**body, "ip_version": 6})
    subnet = blue.create("subnet", body)
    assert (subnet["subnetpool_id"], subnet["cidr"]) == (made["id"], "10.0.0.0/24")
    assert "use_default_subnetpool" not in subnet
    assert blue.create("subnet", body, prefixlen=28)["cidr"] == "10.0.1.0/28"


def test_without_a_pool_a_block_must_be_named(blue: Talk) -> None:
    body = {"network_id": blue.create("network")["id"], "ip_version": 4}
    assert "subnetpool" in blue.no_create(400, "BadRequest", "subnet", body)
    assert "subnetpool" in blue.no_create(400, "BadRequest", "subnet", body, prefixlen=24)
    assert "subnetpool" in blue.no_create(400, "BadRequest", "subnet", body, subnetpool_id=None)


# One network, one pool, one scope


def test_subnets_of_a_network_come_from_one_pool(blue: Talk) -> None:
    four, other = pool(blue, "10.0.0.0/16", default_prefixlen=24), pool(blue, "10.1.0.0/16", default_prefixlen=24)
    kind, body = "NetworkSubnetPoolAffinityError", {"ip_version": 4}
    network = blue.create("network")
    body["network_id"] = network["id"]
    taken(blue, four, network)
    blue.no_create(400, kind, "subnet", body, subnetpool_id=other["id"])
    blue.no_create(400, kind, "subnet", body, cidr="172.16.0.0/24")
    assert taken(blue, four, network)["cidr"] == "10.0.1.0/24"
    assert taken(blue, pool(blue, "2001:db8::/48"), network)["ip_version"] == 6
    plain, _ = blue.network("172.16.0.0/24")
    blue.no_create(400, kind, "subnet", {**body, "network_id": plain["id"]}, subnetpool_id=four["id"])


def test_subnets_of_a_network_are_in_one_scope(blue: Talk) -> None:
    one, two = scope(blue), scope(blue)
    pools = [
        pool(blue, f"10.{number}.0.0/16", default_prefixlen=24, address_scope_id=of)
        for number, of in enumerate((one["id"], one["id"], two["id"], None))
    ]
    network = blue.create("network")
    taken(blue, pools[0], network)
    taken(blue, pools[1], network)
    body = {"network_id": network["id"], "ip_version": 4}
    for other in pools[2:]:
        blue.no_create(400, "NetworkAddressScopeAffinityError", "subnet", body, subnetpool_id=other["id"])
    blue.no_create(400, "NetworkSubnetPoolAffinityError", "subnet", body, cidr="172.16.0.0/24")
    blue.no_update(400, "NetworkAddressScopeAffinityError", "subnetpool", pools[0]["id"], address_scope_id=None)
    alone = taken(blue, pools[2])
    assert blue.update("subnetpool", pools[2]["id"], address_scope_id=one["id"])["address_scope_id"] == one["id"]
    assert blue.show("network", alone["network_id"])["ipv4_address_scope"] == one["id"]


def test_a_network_tells_its_scopes(blue: Talk) -> None:
    four, six = scope(blue), scope(blue, 6)
    network = blue.create("network")
    assert (network["ipv4_address_scope"], network["ipv6_address_scope"]) == (None, None)
    taken(blue, pool(blue, "10.0.0.0/16", address_scope_id=four["id"], default_prefixlen=24), network)
    shown = blue.show("network", network["id"])
    assert (shown["ipv4_address_scope"], shown["ipv6_address_scope"]) == (four["id"], None)
    taken(blue, pool(blue, "2001:db8::/32", address_scope_id=six["id"]), network)
    plain, _ = blue.network("10.0.0.0/24")
    networks = blue.list("network", f"?project_id={blue.project_id}")
    listed = {item["id"]: (item["ipv4_address_scope"], item["ipv6_address_scope"]) for item in networks}
    assert listed == {network["id"]: (four["id"], six["id"]), plain["id"]: (None, None)}


# Many at once, and in any order


def test_blocks_taken_at_once(own_cloud: Cloud) -> None:
    talk = own_cloud.tenant()
    made = pool(talk, "10.0.0.0/24", default_prefixlen=28, min_prefixlen=25)
    statuses: Counter[int] = Counter()

    def create() -> None:
        for _ in range(4):
            body = {"network_id": talk.create("network")["id"], "ip_version": 4, "subnetpool_id": made["id"]}
            statuses[talk.client.post("/v2.0/subnets", {"subnet": body}).status] += 1

    def delete(ids: list[str]) -> None:
        for id in ids:
            talk.delete("subnet", id)

    together(*[create] * 6)
    assert statuses == {201: 16, 409: 8}
    blocks = {subnet["id"]: ipaddress.ip_network(subnet["cidr"]) for subnet in talk.list("subnet")}
    assert len(set(blocks.values())) == 16
    gone = random.Random(1).sample(sorted(blocks), 12)
    together(*(lambda part=gone[start::4]: delete(part) for start in range(4)))  # type: ignore[misc]
    check_free(own_cloud, made, [block for id, block in blocks.items() if id not in gone])


def test_defaults_claimed_at_once(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    statuses: Counter[int] = Counter()

    def create() -> None:
        body = {"name": "p", "prefixes": ["10.0.0.0/8"], "is_default": True}
        statuses[admin.client.post("/v2.0/subnetpools", {"subnetpool": body}).status] += 1

    together(*[create] * 6)
    assert statuses == {201: 1, 400: 5}


def check_free(cloud: Cloud, made: dict[str, Any], blocks: list[Any]) -> None:
    """What is free of a pool is its prefixes without its subnets."""
    with cloud.store.read() as tx:
        free = list(q.FREE.runs(tx, made["id"]))
    assert free == prefixes.less(prefixes.runs_of(made["prefixes"]), prefixes.runs_of(map(str, blocks)))


@pytest.mark.parametrize("seed", range(3))
def test_any_order(own_cloud: Cloud, seed: int) -> None:
    talk, chance = own_cloud.tenant(), random.Random(seed)
    made = pool(talk, "10.0.0.0/24", "192.168.7.0/25", default_prefixlen=27, min_prefixlen=25)
    held: dict[str, Any] = {}
    for _ in range(60):
        if held and chance.random() < 0.4:
            id = chance.choice(sorted(held))
            talk.delete("subnet", id)
            del held[id]
            continue
        length = chance.choice((25, 26, 27, 28, 29))
        body = {"network_id": talk.create("network")["id"], "ip_version": 4, "subnetpool_id": made["id"]}
        answer = talk.client.post("/v2.0/subnets", {"subnet": {**body, "prefixlen": length}})
        free = prefixes.less(prefixes.runs_of(made["prefixes"]), prefixes.runs_of(map(str, held.values())))
        fits = prefixes.first_fit(free, length, 4)
        assert answer.status == (201 if fits else 409)
        if fits:
            assert answer.json()["subnet"]["cidr"] == str(fits)
            held[answer.json()["subnet"]["id"]] = fits
    check_free(own_cloud, made, list(held.values()))


def test_hosts_are_told_the_scope(cloud: Cloud, blue: Talk) -> None:
    one, two = scope(blue), scope(blue)
    made = pool(blue, "10.0.0.0/16", default_prefixlen=24, address_scope_id=one["id"])
    subnet = taken(blue, made)
    _, plain = blue.network("10.9.0.0/24")

    def told() -> tuple[str, int]:
        with cloud.store.read() as tx:
            views = {view.id: view for view in LOADERS["subnet"](tx, {subnet["id"]: 1, plain["id"]: 1})}
            content = changes.scope_content(tx.conn, network_scope(subnet["network_id"]))
        assert views[plain["id"]].address_scope == ""  # type: ignore[attr-defined]
        revision = next(entry.revision for entry in content if entry.id == subnet["id"])
        return views[subnet["id"]].address_scope, revision  # type: ignore[attr-defined]

    before = told()
    assert before[0] == one["id"]
    blue.update("subnetpool", made["id"], name="other")
    assert told() == before
    blue.update("subnetpool", made["id"], address_scope_id=two["id"])
    assert told()[0] == two["id"] and told()[1] > before[1]
