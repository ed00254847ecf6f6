"""Objects that the API would never have made, put into the database by force: only they are not realised."""

from __future__ import annotations

import sqlalchemy as sa
from tests.api.conftest import Cloud

from heddle.agent.mirror import Mirror
from heddle.control import sync
from heddle.store import tables as t
from heddle.view.compile import Compiler
from heddle.view.types import FetchRequest, Ref


def test_what_cannot_be_read_keeps_nothing_else_from_its_host(own_cloud: Cloud) -> None:
    admin, blue = own_cloud.admin, own_cloud.tenant()
    own_cloud.report("host1")
    network, _ = blue.network("10.0.0.0/24")
    bound = [{"network_id": network["id"], "binding:host_id": "host1"} for _ in range(7)]
    bad, odd, *good = [port["id"] for port in admin.bulk("port", bound)]
    group = blue.create("security_group", name="web")
    rule = blue.create("security_group_rule", security_group_id=group["id"], direction="ingress", protocol="tcp")
    admin.update("port", good[0], security_groups=[group["id"]])
    pair = '[{"mac_address":"fa:16:3e:00:00:01","ip_address":"10.0.0.0/99"}]'
    with own_cloud.store.engine.begin() as conn:
        for id, text in ((bad, pair), (odd, "no JSON")):
            conn.execute(sa.text("UPDATE ports SET allowed_address_pairs = :t WHERE id = :id"), {"t": text, "id": id})
        rules = t.security_group_rules
        conn.execute(sa.update(rules).where(rules.c.id == rule["id"]).values(protocol="telepathy"))
    mirror = Mirror()
    changed = mirror.apply(sync.fetch(own_cloud.store, Compiler(), FetchRequest(host="host1")))
    assert set(good) <= set(mirror.ports) and {bad, odd}.isdisjoint(mirror.ports)
    assert {Ref("port", bad), Ref("port", odd), Ref("group", group["id"])} <= mirror.broken.keys() & changed
    assert network["id"] in mirror.networks
    with own_cloud.store.engine.begin() as conn:
        conn.execute(sa.text("UPDATE ports SET allowed_address_pairs = '[]'"))
    admin.update("port", bad, admin_state_up=False)
    admin.update("port", odd, admin_state_up=False)
    news = FetchRequest(host="host1", revision=mirror.revision, scopes=sorted(mirror.scopes))
    mirror.apply(sync.fetch(own_cloud.store, Compiler(), news))
    assert {bad, odd} <= set(mirror.ports) and not {Ref("port", bad), Ref("port", odd)} & mirror.broken.keys()
