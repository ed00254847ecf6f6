"""Audits: hosts are asked what on them is not as it should be, and answer with their reports.

An audit is a row, and an object in the scope of one host or of all; so a host that was away when it was asked answers
when it is back, a doubled wake-up changes nothing, and several may be asked for at once.  The last ones are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from heddle.control.context import Context, new_id
from heddle.errors import NotFound
from heddle.store import clock
from heddle.store.engine import Tx
from heddle.store.query import audits, hosts
from heddle.store.query.audits import Answer, Audit
from heddle.view.types import CLOUD, AuditAnswer, host_scope

KEPT, KEPT_SECONDS = 20, 600


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """`state`: "done", "waiting", or "down" for a host whose agents do not report and that has not answered."""

    host: str
    state: str
    total: int = 0
    problem: str = ""
    deviations: list[dict[str, str]] = field(default_factory=list)


def create(ctx: Context, host: str, repair: bool) -> Audit:
    """Ask one host, or all with "".  Raises `NotFound` for a host that never reported."""
    if host and hosts.get(ctx.tx, host) is None:
        raise NotFound("HostNotFound", f"No host {host} has ever reported")
    now = clock.now(ctx.tx)
    old = [
        each for number, each in enumerate(audits.newest_first(ctx.tx), 2)
        if number > KEPT or each.created_at < now - KEPT_SECONDS
    ]  # fmt: skip
    for each in old:
        ctx.tx.change("audit", each.id, (), (_scope(each),))
    if old:
        audits.forget(ctx.tx, [each.id for each in old])
    audit = Audit(new_id(), host, repair, now)
    audits.add(ctx.tx, audit)
    ctx.tx.change("audit", audit.id, (_scope(audit),))
    return audit


def _scope(audit: Audit) -> str:
    return host_scope(audit.host) if audit.host else CLOUD


def show(tx: Tx, id: str) -> tuple[Audit, list[HostAnswer]]:
    """An audit, and how each host that was asked has answered.  Raises `NotFound`."""
    audit = audits.get_many(tx, [id]).get(id)
    if audit is None:
        raise NotFound("HTTPNotFound", f"There is no audit {id}; the last {KEPT} are kept, for {KEPT_SECONDS} s")
    answers = audits.answers(tx, id)
    asked = [audit.host] if audit.host else [host.name for host in hosts.every(tx)]
    live = hosts.live(tx, asked)
    found = []
    for name in asked:
        answer = answers.get(name)
        if answer is not None:
            found.append(HostAnswer(name, "done", answer.total, answer.problem, answer.deviations))
        else:
            found.append(HostAnswer(name, "waiting" if name in live else "down"))
    return audit, found


def take(tx: Tx, host: str, told: Sequence[AuditAnswer]) -> None:
    """Keep a host's answers to the audits that it was asked for."""
    known = audits.get_many(tx, [each.id for each in told]) if told else {}
    audits.save(tx, [
        Answer(each.id, host, each.total, each.problem[:2000], [msgspec.to_builtins(item) for item in each.deviations])
        for each in told
        if each.id in known and known[each.id].host in ("", host)
    ])  # fmt: skip
