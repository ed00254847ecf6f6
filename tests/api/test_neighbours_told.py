"""What hosts are told of the ports of a network: what each may use, so that they know who has an address alone."""

from __future__ import annotations

import msgspec
from tests.fakes.client import People

from heddle.api.app import App
from heddle.api.server import AgentCalls
from heddle.config import Settings
from heddle.store.engine import Store
from heddle.view.types import AddressPair, FetchRequest, NeighbourView, ReportRequest, network_scope


def test_pairs_and_port_security(app: App, store: Store, settings: Settings, people: People) -> None:
    calls = AgentCalls(store, settings)
    calls.report(ReportRequest(host="h1", started_at=1.0))
    network = people.admin.post("/v2.0/networks", {"network": {}}).json()["network"]["id"]
    given = {"network_id": network, "binding:host_id": "h1"}
    pairs = [{"ip_address": "10.0.0.9/24"}, {"ip_address": "10.0.1.1", "mac_address": "00:00:5e:00:01:07"}]
    made = people.admin.post("/v2.0/ports", {"port": {**given, "allowed_address_pairs": pairs}}).json()["port"]
    free = {**given, "port_security_enabled": False}
    other = people.admin.post("/v2.0/ports", {"port": free}).json()["port"]
    before = calls.fetch(FetchRequest(host="h1"))
    found = neighbours(before.scopes, network)
    assert found[made["id"]].allowed_address_pairs == [
        AddressPair("10.0.0.0/24", made["mac_address"]), AddressPair("10.0.1.1", "00:00:5e:00:01:07")
    ]  # fmt: skip
    assert (found[made["id"]].port_security, found[other["id"]].port_security) == (True, False)
    people.admin.call("PUT", f"/v2.0/ports/{made['id']}", {"port": {"allowed_address_pairs": []}})
    scopes = [each.scope for each in before.scopes]
    news = calls.fetch(FetchRequest(host="h1", revision=before.revision, scopes=scopes))
    changed = neighbours(news.scopes, network)
    assert list(changed) == [made["id"]] and changed[made["id"]].allowed_address_pairs == []


def neighbours(scopes: list, network: str) -> dict[str, NeighbourView]:  # type: ignore[type-arg]
    raws = [raw for each in scopes if each.scope == network_scope(network) for raw in each.objects]
    kinds = [msgspec.msgpack.decode(raw)["kind"] for raw in raws]
    found = [
        msgspec.msgpack.decode(raw, type=NeighbourView) for raw, kind in zip(raws, kinds, strict=True)
        if kind == "neighbour"
    ]  # fmt: skip
    return {each.id: each for each in found}
