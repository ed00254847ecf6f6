"""Logs of packets: the administrator says what is to be written down."""

from __future__ import annotations

from typing import Any

from tests.api.talk import Talk

NOWHERE = "11111111-1111-4111-8111-111111111111"
URL = "/v2.0/log/logs"


def make(talk: Talk, **body: Any) -> dict[str, Any]:
    answer = talk.client.post(URL, {"log": {"resource_type": "security_group", **body}})
    assert answer.status == 201, answer.body
    return dict(answer.json()["log"])


def test_a_log_lives(admin: Talk, blue: Talk) -> None:
    group = blue.create("security_group", name="g")
    log = make(admin, resource_id=group["id"], name="l", event="DROP", project_id=blue.project_id)
    assert (log["enabled"], log["event"], log["target_id"], log["project_id"]) == (True, "DROP", None, blue.project_id)
    assert admin.client.get(f"{URL}/{log['id']}").json() == {"log": log}
    assert admin.client.get(f"{URL}?event=DROP&name=l").json()["logs"] == [log]
    answer = admin.client.call("PUT", f"{URL}/{log['id']}", {"log": {"enabled": False, "description": "x"}})
    assert (answer.json()["log"]["enabled"], answer.json()["log"]["description"]) == (False, "x")
    admin.refused(400, "HTTPBadRequest", "PUT", f"{URL}/{log['id']}", {"log": {"event": "ALL"}})
    blue.refused(404, "LogResourceNotFound", "GET", f"{URL}/{log['id']}")
    assert admin.client.call("DELETE", f"{URL}/{log['id']}").status == 204
    admin.refused(404, "LogResourceNotFound", "GET", f"{URL}/{log['id']}")


def test_what_can_be_logged(admin: Talk, blue: Talk) -> None:
    shown = admin.client.get("/v2.0/log/loggable-resources").json()
    assert shown == {"loggable_resources": [{"type": "security_group"}]}
    blue.refused(403, "PolicyNotAuthorized", "GET", "/v2.0/log/loggable-resources")
    blue.refused(403, "PolicyNotAuthorized", "POST", URL, {"log": {"resource_type": "security_group"}})
    admin.refused(400, "InvalidLogResourceType", "POST", URL, {"log": {"resource_type": "router"}})


def test_of_what_there_is(admin: Talk, blue: Talk) -> None:
    def refused(status: int, kind: str, **body: Any) -> None:
        admin.refused(status, kind, "POST", URL, {"log": {"resource_type": "security_group", **body}})

    network, group, other = blue.create("network"), *(blue.create("security_group", name=n) for n in "gh")
    port = blue.port(network, security_groups=[group["id"]])
    refused(404, "SecurityGroupNotFound", resource_id=NOWHERE)
    refused(404, "TargetResourceNotFound", target_id=NOWHERE)
    refused(409, "InvalidResourceConstraint", resource_id=other["id"], target_id=port["id"])
    refused(409, "PortNoSecurityGroup", target_id=blue.port(network, port_security_enabled=False)["id"])
    refused(400, "HTTPBadRequest", event="SOME")
    assert make(admin, resource_id=group["id"], target_id=port["id"])["target_id"] == port["id"]


def test_they_go_with_what_they_log(admin: Talk, blue: Talk) -> None:
    network, group = blue.create("network"), blue.create("security_group", name="g")
    port = blue.port(network)
    of_group, of_port = make(admin, resource_id=group["id"]), make(admin, target_id=port["id"])
    blue.delete("security_group", group["id"])
    blue.delete("port", port["id"])
    for log in (of_group, of_port):
        admin.refused(404, "LogResourceNotFound", "GET", f"{URL}/{log['id']}")
