"""Audits through the API: who is asked, what is kept of the answers, and hosts that are down."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud

from heddle.agent.mirror import Mirror
from heddle.control import audits, reports, sync
from heddle.store import changes
from heddle.view.compile import Compiler
from heddle.view.types import AuditAnswer, Deviation, FetchRequest, ReportRequest

PATH = "/heddle/v1/audits"


def asked(cloud: Cloud, **wanted: Any) -> dict[str, Any]:
    answer = cloud.admin.client.post(PATH, {"audit": wanted})
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json()["audit"]
    return found


def seen_by(cloud: Cloud, host: str) -> dict[str, bool]:
    """The audits that a host knows of, each with whether it is to repair."""
    mirror = Mirror()
    mirror.apply(sync.fetch(cloud.store, Compiler(), FetchRequest(host=host)))
    return {id: view.repair for id, view in mirror.audits.items()}


def tell(cloud: Cloud, host: str, id: str, count: int = 0, problem: str = "") -> None:
    deviations = [Deviation(role="router", kind="router", id="r1", expected=f"route {n}", found="missing")
                  for n in range(count)]  # fmt: skip
    answer = AuditAnswer(id=id, deviations=deviations, total=count, problem=problem)
    reports.report(cloud.store, cloud.settings, ReportRequest(host=host, started_at=1.0, audits=[answer]))


def states(cloud: Cloud, id: str) -> dict[str, tuple[str, int]]:
    found = cloud.admin.client.get(f"{PATH}/{id}").json()["audit"]["hosts"]
    return {host["host"]: (host["state"], host["total"]) for host in found}


def test_all_hosts_are_asked_and_answer(own_cloud: Cloud) -> None:
    for host in ("host1", "host2"):
        own_cloud.report(host)
    audit = asked(own_cloud)
    assert states(own_cloud, audit["id"]) == {"host1": ("waiting", 0), "host2": ("waiting", 0)}
    assert seen_by(own_cloud, "host1") == seen_by(own_cloud, "host2") == {audit["id"]: False}
    tell(own_cloud, "host1", audit["id"], 2)
    tell(own_cloud, "host2", audit["id"])
    assert states(own_cloud, audit["id"]) == {"host1": ("done", 2), "host2": ("done", 0)}
    first = own_cloud.admin.client.get(f"{PATH}/{audit['id']}").json()["audit"]["hosts"][0]["deviations"][0]
    assert first == {"role": "router", "kind": "router", "id": "r1", "expected": "route 0", "found": "missing"}


def test_one_host_is_asked_beside_all(own_cloud: Cloud) -> None:
    for host in ("host1", "host2"):
        own_cloud.report(host)
    one, every = asked(own_cloud, host="host1", repair=True), asked(own_cloud)
    assert seen_by(own_cloud, "host1") == {one["id"]: True, every["id"]: False}
    assert seen_by(own_cloud, "host2") == {every["id"]: False}
    tell(own_cloud, "host1", one["id"], 1)
    tell(own_cloud, "host2", one["id"], 5)
    assert states(own_cloud, one["id"]) == {"host1": ("done", 1)}, "what another host says of it counts for nothing"
    assert states(own_cloud, every["id"]) == {"host1": ("waiting", 0), "host2": ("waiting", 0)}


def test_a_host_that_is_down_is_named(own_cloud: Cloud) -> None:
    for host in ("host1", "host2"):
        own_cloud.report(host)
    own_cloud.die("host2")
    audit = asked(own_cloud)
    assert states(own_cloud, audit["id"]) == {"host1": ("waiting", 0), "host2": ("down", 0)}
    tell(own_cloud, "host2", audit["id"])
    assert states(own_cloud, audit["id"])["host2"] == ("done", 0)


def test_old_audits_leave_the_hosts(own_cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    own_cloud.report("host1")
    monkeypatch.setattr(audits, "KEPT", 3)
    made = [asked(own_cloud)["id"] for _ in range(5)]
    with own_cloud.store.read() as tx:
        since = changes.current_revision(tx.conn)
    assert len(seen_by(own_cloud, "host1")) == 3 and made[-1] in seen_by(own_cloud, "host1")
    monkeypatch.setattr(audits, "KEPT_SECONDS", -1)
    last = asked(own_cloud)["id"]
    assert set(seen_by(own_cloud, "host1")) == {last}
    request = FetchRequest(host="host1", revision=since, scopes=["cloud", "host:host1"])
    reply = sync.fetch(own_cloud.store, Compiler(), request)
    gone = {ref.id for news in reply.scopes for ref in news.gone}
    assert made[-1] in gone
    own_cloud.admin.refused(404, "HTTPNotFound", "GET", f"{PATH}/{made[0]}")


def test_what_is_refused(own_cloud: Cloud) -> None:
    own_cloud.report("host1")
    admin, blue = own_cloud.admin, own_cloud.tenant()
    admin.refused(404, "HostNotFound", "POST", PATH, {"audit": {"host": "host9"}})
    for wanted in ({"host": 5}, {"what": 1}, {"repair": "perhaps"}):
        assert admin.client.post(PATH, {"audit": wanted}).status == 400
    blue.refused(403, "PolicyNotAuthorized", "POST", PATH, {"audit": {}})
    audit = asked(own_cloud, host="host1")
    blue.refused(403, "PolicyNotAuthorized", "GET", f"{PATH}/{audit['id']}")
    tell(own_cloud, "host1", "0" * 36, 1)
    assert states(own_cloud, audit["id"]) == {"host1": ("waiting", 0)}
