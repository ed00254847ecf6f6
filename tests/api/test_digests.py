"""A host that has something else than it should is noticed by the digest of the scope, and gets the scope whole."""

from __future__ import annotations

import msgspec
from tests.api.conftest import Cloud

from heddle.agent.mirror import Mirror
from heddle.control.sync import fetch
from heddle.view.compile import Compiler
from heddle.view.types import FetchReply, FetchRequest

HOST = "digest-host"


def ask(cloud: Cloud, mirror: Mirror, *, digests: bool) -> FetchReply:
    request = FetchRequest(
        host=HOST,
        revision=mirror.revision,
        scopes=sorted(mirror.scopes),
        digests=mirror.digests() if digests else {},
    )
    return fetch(cloud.store, Compiler(), request)


def settled(cloud: Cloud) -> Mirror:
    """The mirror of a host with a port, its network and its group."""
    cloud.report(HOST)
    network = cloud.admin.create("network", name="n")
    cloud.admin.create("subnet", network_id=network["id"], ip_version=4, cidr="192.0.2.0/24")
    cloud.admin.create("port", {"network_id": network["id"], "binding:host_id": HOST})
    mirror = Mirror()
    mirror.apply(ask(cloud, mirror, digests=False))
    assert mirror.ports
    return mirror


def test_a_mirror_that_is_right_gets_nothing(own_cloud: Cloud) -> None:
    mirror = settled(own_cloud)
    assert ask(own_cloud, mirror, digests=True).scopes == []


def test_an_object_that_got_lost_comes_back_with_its_scope(own_cloud: Cloud) -> None:
    mirror = settled(own_cloud)
    lost = next(iter(mirror.neighbours.values()))
    del mirror.neighbours[lost.id]
    assert ask(own_cloud, mirror, digests=False).scopes == []
    news = ask(own_cloud, mirror, digests=True).scopes
    assert [(each.scope, each.whole) for each in news] == [(f"network:{lost.network_id}", True)]
    mirror.apply(ask(own_cloud, mirror, digests=True))
    assert mirror.neighbours[lost.id] == lost


def test_a_stale_object_is_replaced(own_cloud: Cloud) -> None:
    mirror = settled(own_cloud)
    port = next(each for each in mirror.ports.values() if not each.device_owner)
    mirror.ports[port.id] = msgspec.structs.replace(port, mac_address="fa:16:3e:00:00:99", revision=port.revision - 1)
    mirror.apply(ask(own_cloud, mirror, digests=True))
    assert mirror.ports[port.id] == port
