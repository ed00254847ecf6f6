"""A subnet goes while a port of its network takes an address of it: one is refused."""

from __future__ import annotations

from tests.api.conftest import Cloud
from tests.api.talk import Talk
from tests.api.test_floating_ip_races import at_once
from tests.stateful import invariants

ROUNDS = 25


def test_a_subnet_goes_while_a_port_moves_there(cloud: Cloud, blue: Talk) -> None:
    network, _ = blue.network("10.0.0.0/24")
    port = blue.port(network)
    for number in range(ROUNDS):
        subnet = blue.create("subnet", network_id=network["id"], cidr="10.0.1.0/24", ip_version=4)
        fixed = {"fixed_ips": [{"subnet_id": subnet["id"], "ip_address": f"10.0.1.{number + 20}"}]}
        moved, gone = at_once(
            blue,
            ("PUT", f"/v2.0/ports/{port['id']}", {"port": fixed}),
            ("DELETE", f"/v2.0/subnets/{subnet['id']}", None),
        )
        with cloud.store.engine.connect() as conn:
            invariants.check_rows(conn)
        assert (moved == 200) != (gone == 204), (moved, gone)
        if gone != 204:
            blue.update("port", port["id"], fixed_ips=[])
            assert blue.client.call("DELETE", f"/v2.0/subnets/{subnet['id']}").status == 204
