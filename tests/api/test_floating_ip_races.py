"""A router is parted from a subnet, or from the outside, while a floating IP begins to need it: one is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, addresses
from tests.api.test_concurrency import together
from tests.stateful import invariants

ROUNDS = 12
INTERFACE, GATEWAY = "interface", "gateway"
ASSOCIATION, FORWARDING, NAMED = "association", "forwarding", "association by a named router"


def at_once(talk: Talk, *requests: tuple[str, str, Any]) -> list[int]:
    """The statuses of requests that are made at the same time."""
    statuses = [0] * len(requests)

    def ask(number: int) -> Callable[[], None]:
        return lambda: statuses.__setitem__(number, talk.client.call(*requests[number]).status)

    together(*map(ask, range(len(requests))))
    return statuses


def begin(way: str, floating: dict[str, Any], port: dict[str, Any], router: dict[str, Any]) -> tuple[str, str, Any]:
    """The request by which a floating IP comes to need the router."""
    path = f"/v2.0/floatingips/{floating['id']}"
    if way == FORWARDING:
        rule = {
            "internal_port_id": port["id"], "internal_ip_address": addresses(port)[0], "protocol": "tcp",
            "internal_port": 80, "external_port": 80,
        }  # fmt: skip
        return "POST", f"{path}/port_forwardings", {"port_forwarding": rule}
    body = {"port_id": port["id"], **({"router_id": router["id"]} if way == NAMED else {})}
    return "PUT", path, {"floatingip": body}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("way", "parted"),
    [
        (ASSOCIATION, INTERFACE),
        (ASSOCIATION, GATEWAY),
        (FORWARDING, INTERFACE),
        (FORWARDING, GATEWAY),
        (NAMED, GATEWAY),
    ],
)
def test_a_router_is_parted_while_a_floating_ip_begins_to_need_it(
    cloud: Cloud, blue: Talk, outside: Callable[..., dict[str, str]], way: str, parted: str
) -> None:
    external = outside()
    network, subnet = blue.network("10.0.0.0/24")
    router, port = blue.create("router"), blue.port(network)
    floating = blue.create("floatingip", floating_network_id=external["id"])
    path, inside = f"/v2.0/routers/{router['id']}", {"subnet_id": subnet["id"]}
    for _ in range(ROUNDS):
        blue.client.call("PUT", f"{path}/add_router_interface", inside)
        blue.update("router", router["id"], external_gateway_info={"network_id": external["id"]})
        parting = "PUT", f"{path}/remove_router_interface", inside
        if parted == GATEWAY:
            parting = "PUT", path, {"router": {"external_gateway_info": None}}
        gone, needed = at_once(blue, parting, begin(way, floating, port, router))
        with cloud.store.engine.connect() as conn:
            invariants.check_rows(conn)
        assert (gone == 200) != (needed in (200, 201)), (gone, needed)
        for forwarding in blue.show("floatingip", floating["id"])["port_forwardings"]:
            blue.client.call("DELETE", f"/v2.0/floatingips/{floating['id']}/port_forwardings/{forwarding['id']}")
        blue.update("floatingip", floating["id"], port_id=None)
