"""Conntrack helpers of routers."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.talk import Talk, refusal
from tests.api.told import router_view

from heddle.view.types import ConntrackHelper

FTP = {"helper": "ftp", "protocol": "tcp", "port": 21}


def path(router: dict[str, Any], id: str = "") -> str:
    return f"/v2.0/routers/{router['id']}/conntrack_helpers" + (f"/{id}" if id else "")


def add(talk: Talk, router: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = talk.client.post(path(router), {"conntrack_helper": {**FTP, **body}})
    assert answer.status == 201, answer.body
    return dict(answer.json()["conntrack_helper"])


def test_the_life_of_one(blue: Talk) -> None:
    router = blue.create("router")
    made = add(blue, router)
    assert made == {"id": made["id"], **FTP}
    assert blue.client.get(path(router, made["id"])).json() == {"conntrack_helper": made}
    other = add(blue, router, helper="tftp", protocol="udp", port=69)
    listed = blue.client.get(path(router)).json()["conntrack_helpers"]
    assert sorted(item["id"] for item in listed) == sorted([made["id"], other["id"]])
    found = blue.client.get(f"{path(router)}?helper=tftp").json()["conntrack_helpers"]
    assert found == [other]
    shown = blue.show("router", router["id"])["conntrack_helpers"]
    assert FTP in shown and {"helper": "tftp", "protocol": "udp", "port": 69} in shown and len(shown) == 2
    changed = blue.put(path(router, other["id"]), {"conntrack_helper": {"port": 6969}})["conntrack_helper"]
    assert changed == {**other, "port": 6969}
    assert blue.client.call("DELETE", path(router, made["id"])).status == 204
    blue.refused(404, "ConntrackHelperNotFound", "GET", path(router, made["id"]))
    assert blue.show("router", router["id"])["conntrack_helpers"] == [
        {"helper": "tftp", "protocol": "udp", "port": 6969}
    ]
    blue.delete("router", router["id"])


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("ConntrackHelperNotAllowed", {"helper": "quake"}),
        ("InvalidProtocolForHelper", {"protocol": "udp"}),
        ("HTTPBadRequest", {"protocol": "gre"}),
        ("HTTPBadRequest", {"port": 0}),
        ("HTTPBadRequest", {"port": 65536}),
        ("HTTPBadRequest", {"helper": "x" * 65}),
        ("HTTPBadRequest", {"colour": "red"}),
    ],
)
def test_wrong_ones_are_refused(blue: Talk, kind: str, more: dict[str, Any]) -> None:
    router = blue.create("router")
    made = add(blue, router)
    blue.refused(400, kind, "POST", path(router), {"conntrack_helper": {**FTP, **more}})
    blue.refused(400, kind, "PUT", path(router, made["id"]), {"conntrack_helper": more})
    assert blue.show("router", router["id"])["conntrack_helpers"] == [FTP]


def test_each_is_there_once(blue: Talk) -> None:
    router, other = blue.create("router"), blue.create("router")
    add(blue, router)
    blue.refused(400, "BadRequest", "POST", path(router), {"conntrack_helper": FTP})
    second = add(blue, router, port=2121)
    answer = blue.client.call("PUT", path(router, second["id"]), {"conntrack_helper": {"port": 21}})
    assert "21 already" in refusal(answer, 400, "BadRequest")
    add(blue, other)


def test_others_see_nothing(blue: Talk, red: Talk) -> None:
    router = blue.create("router")
    made = add(blue, router)
    for method, place in (
        ("GET", path(router)),
        ("GET", path(router, made["id"])),
        ("DELETE", path(router, made["id"])),
    ):
        red.refused(404, "RouterNotFound", method, place)
    red.refused(404, "RouterNotFound", "POST", path(router), {"conntrack_helper": FTP})
    own = red.create("router")
    red.refused(404, "ConntrackHelperNotFound", "GET", path(own, made["id"]))


def test_hosts_are_told(cloud: Cloud, blue: Talk) -> None:
    router = blue.create("router")
    before = router_view(cloud, router["id"])
    made = add(blue, router)
    first = router_view(cloud, router["id"])
    blue.put(path(router, made["id"]), {"conntrack_helper": {"port": 2121}})
    second = router_view(cloud, router["id"])
    assert blue.client.call("DELETE", path(router, made["id"])).status == 204
    last = router_view(cloud, router["id"])
    told = [view.conntrack_helpers for view in (before, first, second, last)]
    assert told == [[], [ConntrackHelper("ftp", "tcp", 21)], [ConntrackHelper("ftp", "tcp", 2121)], []]
    assert before.revision < first.revision < second.revision < last.revision
