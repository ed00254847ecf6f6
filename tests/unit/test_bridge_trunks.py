"""Which subports have a device on a host with Linux bridges."""

from __future__ import annotations

import msgspec
import pytest
from tests.fakes.objects import network, port, port_id

from heddle.agent.bridge.trunks import Subport, subports
from heddle.agent.mirror import Mirror
from heddle.view.types import FetchReply, Object, ScopeNews

CARD = f"tap{port_id(1)[:11]}"


def mirror_of(*items: Object) -> Mirror:
    raws = [msgspec.Raw(msgspec.msgpack.encode(each)) for each in items]
    made = Mirror()
    made.apply(FetchReply(revision=1, scopes=[ScopeNews(scope="host:host1", whole=True, objects=raws)]))
    return made


@pytest.mark.parametrize(("devices", "more", "there"), [
    ([CARD], {}, True),
    ([], {}, False),
    ([CARD], {"admin_state_up": False}, False),
    ([CARD], {"net": "net-unknown"}, False),
    ([CARD], {"parent_port_id": ""}, False),
])  # fmt: skip
def test_a_subport_has_a_device_while_its_card_is_here(
    devices: list[str], more: dict[str, object], there: bool
) -> None:
    sub = port(2, **{"parent_port_id": port_id(1), "vlan": 7, **more})  # type: ignore[arg-type]
    found = subports(mirror_of(network(), port(1), sub), devices)
    short = port_id(2)[:11]
    wanted = Subport(sub.id, f"tap{short}", f"sub{short}", CARD, 7)
    assert found == ({sub.id: wanted} if there else {})
