"""What a transaction starts from: read before it holds anything, and the same after a conflict as at first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tests.api.conftest import Cloud

from heddle.api.attempts import each_its_own
from heddle.store.engine import Store, Tx


@contextmanager
def conflict(store: Store) -> Iterator[list[str]]:
    """The next transaction fails at its end as it does when another was faster; then it is in the list."""
    happened: list[str] = []
    write = store.write

    def write_late(work: Callable[[Tx], Any], *more: str) -> Any:
        def late(tx: Tx) -> Any:
            result = work(tx)
            if not happened:
                happened.append("conflict")
                raise sa.exc.OperationalError("COMMIT", {}, Exception("deadlock detected"))
            return result

        return write(late, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "write", write_late)
        yield happened


def test_attempts_share_nothing() -> None:
    made: list[dict[str, int]] = []

    def make() -> dict[str, int]:
        made.append({"number": len(made)})
        return made[-1]

    each = each_its_own(make)
    assert len(made) == 1, "the first is made at once"
    assert [each(), each(), each()] == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_an_attempt_after_a_conflict_is_of_the_same_request(own_cloud: Cloud) -> None:
    admin = own_cloud.admin
    network = admin.create("network")
    asked = {"trusted": True, "binding:profile": {"a": 1}, "name": "p", "mac_address": "fa:16:3e:00:00:77"}
    with conflict(own_cloud.store) as happened:
        (port,) = admin.bulk("port", [{"network_id": network["id"], **asked}])
    assert happened and {name: port[name] for name in asked} == asked | {"binding:profile": {"a": 1, "trusted": True}}
    assert admin.ids("port", f"?network_id={network['id']}") == [port["id"]], "nothing is left of the first"
    with conflict(own_cloud.store) as happened:
        changed = admin.update("port", port["id"], trusted=False, name="q")
    assert happened and (changed["name"], changed["binding:profile"]) == ("q", {"a": 1, "trusted": False})
    assert changed["revision_number"] == port["revision_number"] + 1
    assert admin.show("port", port["id"]) == changed


def test_a_wrong_request_waits_for_no_other(own_cloud: Cloud) -> None:
    """It is read before the turn to write is taken."""
    admin = own_cloud.admin
    network = admin.create("network")
    statuses: list[int] = []

    def ask() -> None:
        for method, path in (("POST", "/v2.0/networks"), ("PUT", f"/v2.0/networks/{network['id']}")):
            statuses.append(admin.client.call(method, path, {"network": {"mtu": "x"}}).status)

    asking = threading.Thread(target=ask, daemon=True)

    def hold(tx: object) -> list[int]:
        asking.start()
        asking.join(20)
        return list(statuses)

    assert own_cloud.store.write(hold) == [400, 400]
