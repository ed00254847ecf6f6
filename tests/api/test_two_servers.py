"""Two servers on one database: quotas hold, nothing is there twice or lost, and no user hears of a deadlock."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.api.talk import path_of
from tests.load.cloud import QUOTAS, Servers, check, running
from tests.load.mixed import Mixed, all_at_once
from tests.load.processes import Caller


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running(Servers(tmp_path_factory.mktemp("pair"))) as made:
        yield made


@pytest.mark.timeout(180)
@pytest.mark.parametrize("member", ["network", "port", "router", "floatingip", "security_group_rule"])
def test_a_hundred_at_once_do_not_pass_a_quota(pair: Servers, member: str) -> None:
    site, number = pair.project({member: 500}), itertools.count()
    talk = Caller(pair.ports[0], site.token)
    network = talk.call("POST", "/v2.0/networks", {"network": {"name": "n"}})[1]["network"]["id"]
    group = talk.call("POST", "/v2.0/security-groups", {"security_group": {"name": "g"}})[1]["security_group"]["id"]
    details = f"/v2.0/quotas/{site.project_id}/details"
    used = talk.call("GET", details)[1]["quota"][member]["used"]
    assert pair.admin.call("PUT", f"/v2.0/quotas/{site.project_id}", {"quota": {member: used + 7}})[0] == 200
    statuses: Counter[tuple[int, str]] = Counter()

    def body() -> dict[str, Any]:
        n = 1 + next(number)
        rule = {"security_group_id": group, "direction": "ingress", "protocol": "tcp"}
        return {
            "port": {"network_id": network},
            "floatingip": {"floating_network_id": site.external},
            "security_group_rule": {**rule, "port_range_min": n, "port_range_max": n},
        }.get(member, {"name": f"x{n}"})

    def create(server: int) -> None:
        status, answer, _ = Caller(server, site.token).call("POST", path_of(member), {member: body()})
        statuses[status, answer["NeutronError"]["type"] if status != 201 else ""] += 1

    threads = [threading.Thread(target=create, args=(pair.ports[n % 2],)) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == {(201, ""): 7, (409, "OverQuota"): 93}
    there = talk.call("GET", f"{path_of(member)}?project_id={site.project_id}&fields=id")[1]
    assert talk.call("GET", details)[1]["quota"][member]["used"] == used + 7 == sum(map(len, there.values()))


@pytest.mark.timeout(180)
def test_eight_clients_with_a_mixed_load(pair: Servers) -> None:
    sites = [pair.loaded(QUOTAS), pair.loaded(QUOTAS)]
    clients = [Mixed(sites[n % 2], pair.ports, seed=n) for n in range(8)]
    all_at_once(clients, 4.0, least=60)
    statuses = check(pair, clients, QUOTAS)
    for asked in ("POST ports", "PUT ports", "DELETE ports", "POST networks", "POST subnets", "POST routers",
                  "PUT routers", "POST floatingips", "PUT floatingips"):  # fmt: skip
        assert any(statuses[asked, status] for status in (200, 201, 204)), f"{asked} never succeeded: {statuses}"
    assert statuses["PUT ports", 412], "some counted up what another had counted up"
    assert all(any(client.book.counted for client in clients if client.site is site) for site in sites)
