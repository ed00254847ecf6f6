"""The upgrade check of a whole cloud asks its agents: those that answer, and one that is held."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

from tests.cluster.lab import Lab

LONGEST = 15.0


def check(lab: Lab, *options: str) -> tuple[dict[str, list[dict[str, Any]]], float]:
    """All findings by check, and the seconds that it took."""
    began = time.monotonic()
    told = lab.heddle(lab.servers[0], "upgrade", "check", "--format", "json", *options, check=False)
    took = time.monotonic() - began
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(told)["checks"]:
        found.setdefault(each["id"], []).append(each)
    return found, took


def test_agents_answer_and_one_that_is_held_does_not(lab: Lab) -> None:
    before, _ = check(lab)
    (told,) = before["queue-agents"]
    assert told["status"] == "success" and "3 hosts answer" in told["details"], told
    held = lab.agents[1]
    os.kill(held.pid, signal.SIGSTOP)
    try:
        found, took = check(lab)
    finally:
        os.kill(held.pid, signal.SIGCONT)
    (told,) = found["queue-agents"]
    assert told["status"] == "failure" and told["node"] == "host2" and "no answer within" in told["details"], told
    assert took < LONGEST
    others = found.keys() - {"queue-agents"}
    assert {id: found[id][0]["status"] for id in others} == {id: before[id][0]["status"] for id in others}
    lab.until(lambda: check(lab, "--only", "queue-agents")[0]["queue-agents"][0]["status"] == "success", 20,
              "the agent answers again")  # fmt: skip


def test_a_dead_broker_takes_only_what_goes_through_it(lab: Lab) -> None:
    before, _ = check(lab)
    lab.broker.kill()
    try:
        found, took = check(lab)
    finally:
        lab.broker.start()
    assert took < LONGEST
    status = {id: each[0]["status"] for id, each in found.items()}
    changed = {id for id, each in before.items() if each[0]["status"] != status[id]}
    through = {"queue-round-trip", "queue-agents", "queue-calls", "queue-declarations"}
    assert through <= changed and status["queue-round-trip"] == "failure", found
    assert {status[id] for id in changed - {"queue-round-trip"}} == {"unknown"}, found
    lab.until(lambda: check(lab, "--only", "queue-agents")[0]["queue-agents"][0]["status"] == "success", 40,
              "agents answer again")  # fmt: skip
