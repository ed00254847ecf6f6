"""The MTU of a network follows from its type, and hosts are told what the type takes of it."""

from __future__ import annotations

import msgspec
import pytest
from tests.fakes.client import People

from heddle.api.app import App
from heddle.api.server import AgentCalls
from heddle.config import Settings
from heddle.store.engine import Store
from heddle.view.types import FetchRequest, NetworkView, ReportRequest, Segment, network_scope

WANTED = {
    "local": (1500, 0), "flat": (1500, 0), "vlan": (1500, 0), "vxlan": (1450, 50), "gre": (1458, 42),
    "geneve": (1450, 50),
}  # fmt: skip


@pytest.mark.parametrize("kind", WANTED)
def test_each_type(app: App, store: Store, settings: Settings, people: People, kind: str) -> None:
    mtu, overhead = WANTED[kind]
    given = {"provider:network_type": kind}
    if kind in ("flat", "vlan"):
        given["provider:physical_network"] = "physnet1"
    if kind == "vlan":
        given["provider:segmentation_id"] = "101"
    made = people.admin.post("/v2.0/networks", {"network": given}).json()["network"]
    assert made["mtu"] == mtu
    too_large = people.admin.call("PUT", f"/v2.0/networks/{made['id']}", {"network": {"mtu": mtu + 1}})
    assert too_large.status == 400 and str(mtu) in str(too_large.json())
    (segment,) = told(AgentCalls(store, settings), people, made["id"]).segments
    assert (segment.network_type, segment.encapsulation, segment.overhead) == (kind, "", overhead)
    assert segment == Segment(
        kind, made["provider:physical_network"] or "", made["provider:segmentation_id"] or 0, overhead=overhead
    )


def told(calls: AgentCalls, people: People, network: str) -> NetworkView:
    """What a host with a port of the network is told of it."""
    calls.report(ReportRequest(host="h1", started_at=1.0))
    port = {"network_id": network, "binding:host_id": "h1"}
    assert people.admin.post("/v2.0/ports", {"port": port}).status == 201
    reply = calls.fetch(FetchRequest(host="h1"))
    (news,) = (each for each in reply.scopes if each.scope == network_scope(network))
    found = [msgspec.msgpack.decode(raw) for raw in news.objects]
    (index,) = (place for place, each in enumerate(found) if each["kind"] == "network")
    return msgspec.msgpack.decode(news.objects[index], type=NetworkView)
