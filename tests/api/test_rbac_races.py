"""An RBAC entry goes while the projects that it lets use an object begin to: one of the two is refused."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
from tests.api.conftest import Cloud
from tests.api.sharing import KINDS, SHARED, let, make, use
from tests.api.talk import Talk, path_of

ROUNDS = 12


def compete(owner: Talk, user: Talk, kind: str, entry: str, item: dict[str, Any]) -> tuple[bool, Any]:
    """Whether the entry went, and what uses the object now."""
    barrier, gone, used = threading.Barrier(2), [False], list[tuple[str, str]]()

    def withdraw() -> None:
        barrier.wait()
        gone[0] = owner.client.call("DELETE", f"/v2.0/rbac-policies/{entry}").status == 204

    def begin() -> None:
        barrier.wait()
        with contextlib.suppress(AssertionError):
            used.append(use(user, kind, item))

    threads = [threading.Thread(target=work) for work in (withdraw, begin)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return gone[0], used[0] if used else None


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", [*KINDS, "qos_policy", "address_group"])
def test_no_one_uses_what_was_withdrawn(cloud: Cloud, kind: str) -> None:
    owner, user = cloud.tenant(), cloud.tenant()
    unlimited = dict.fromkeys(("network", "subnetpool", "security_group"), -1)
    cloud.admin.put(f"/v2.0/quotas/{user.project_id}", {"quota": unlimited})
    if kind == "qos_policy":
        owner = cloud.admin
    item = make(owner, kind, name="raced")
    outcomes = set()
    for _ in range(ROUNDS):
        entry = let(owner, kind, item, user.project_id)["id"]
        gone, used = compete(owner, user, kind, entry, item)
        assert gone != (used is not None), "the entry went, or the object is used: never both, never neither"
        outcomes.add(gone)
        if used:
            user.delete(*used)
            owner.delete("rbac_policy", entry)
    assert outcomes and owner.list("rbac_policy", f"?object_id={item['id']}&action={SHARED}") == []
    path = "/v2.0/qos/policies" if kind == "qos_policy" else path_of(kind)
    assert [talk.client.get(f"{path}/{item['id']}").status for talk in (owner, user)] == [200, 404]
