"""The key with which hosts tell each other who carries which highly available router, and how it becomes another one.

Three steps, each when all hosts have taken the one before, so that each host accepts what any other signs at any
moment: the new key is accepted beside the one in use; it is in use, and the former accepted beside it; the former
counts no longer.  A host has taken a step when it reported the revision in which the step was told.  An agent of a
version that knows of one key alone would report it too, and not hear the others: no step is taken while one runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from heddle.control.news import host_news
from heddle.errors import Conflict
from heddle.model.agent import CARRIERS
from heddle.store import changes
from heddle.store.engine import Tx
from heddle.store.query import ha_routers as q
from heddle.store.query import hosts
from heddle.store.query.ha_routers import Keys
from heddle.view.types import CLOUD

DONE, TOLD, USED = "done", "told", "used"


def ensure(tx: Tx) -> None:
    """Have one."""
    if not q.keys(tx).key:
        _set(tx, Keys(secrets.token_hex(32)))


def state(tx: Tx) -> str:
    """`TOLD`: a new key is accepted; `USED`: it is in use, and the former accepted; `DONE`: there is one alone."""
    known = q.keys(tx)
    if known.next:
        return TOLD
    return USED if known.before else DONE


def advance(tx: Tx, state_before: str, without: Collection[str] = ()) -> str:
    """Take the next step; the state after it.

    Raises `Conflict` when somebody else did, where there is no key, and while an agent that knows of one key alone runs
    on a host that is not among `without`.
    """
    known = q.keys(tx)
    if not known.key:
        raise Conflict("NoKey", "The cloud has no highly available routers yet, and so no key: nothing is to be done.")
    if state(tx) != state_before:
        raise Conflict("KeyChanges", "Somebody else changes the key at this moment: try again later.")
    if old := sorted(_with_one_key(tx) - set(without)):
        raise Conflict(
            "AgentsTooOld",
            f"The agents of these hosts are of a version that cannot take another key: {', '.join(old)}. Upgrade and "
            "restart them and give this command again, or name the hosts with --without: from the second step on they "
            "do not hear the others.",
        )
    if known.next:
        _set(tx, Keys(known.next, before=known.key))
        return USED
    if known.before:
        _set(tx, Keys(known.key))
        return DONE
    _set(tx, Keys(known.key, next=secrets.token_hex(32)))
    return TOLD


def waiting(tx: Tx) -> list[str]:
    """The hosts with an address for tunnels that have not taken the last step."""
    told = [each.revision for each in changes.scope_content(tx.conn, CLOUD) if each.kind == "host"]
    return [host.name for host in hosts.every(tx) if host.tunnel_ip and host.revision < max(told, default=0)]


def strangers(tx: Tx, names: Collection[str]) -> list[str]:
    """Those of the names that no host has."""
    return sorted(set(names) - {host.name for host in hosts.every(tx)})


def _with_one_key(tx: Tx) -> set[str]:
    """The hosts where an agent runs that does not tell its release: it is older than a second key."""
    running = (each for each in hosts.AGENTS.find(tx) if each.alive and each.role in CARRIERS)
    return {each.host for each in running if not each.configurations.get("release")}


def _set(tx: Tx, keys: Keys) -> None:
    q.set_keys(tx, keys)
    for host in hosts.every(tx):
        host_news(tx, host.name)
