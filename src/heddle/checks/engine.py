"""Checks run beside each other: each in a thread, each with its deadline, and none can take another's result.

A check that raises, or has not ended by its deadline, is unknown with the reason.  A thread that hangs is left behind:
it does not keep the program from ending.  As all begin together, the whole lasts as long as the longest deadline.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from heddle.checks.base import CannotSee, Check, Cloud, Finding, Level, Result, unknown
from heddle.errors import HeddleError

Progress = Callable[[int, int, list[str]], None]
Answer = tuple[Check, list[Finding], float]


def run(checks: Sequence[Check], cloud: Cloud, progress: Progress = lambda done, total, open: None) -> list[Result]:
    """The results, in the order of the checks.  `progress` hears how many are done, of how many, and which are open."""
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    started = time.monotonic()
    for check in checks:
        threading.Thread(target=_one, args=(check, cloud, answers), name=check.id, daemon=True).start()
    found: dict[str, tuple[list[Finding], float]] = {}
    waiting = {check.id: check for check in checks}
    while waiting:
        progress(len(found), len(checks), sorted(waiting))
        left = started + min(check.seconds for check in waiting.values()) - time.monotonic()
        try:
            check, findings, seconds = answers.get(timeout=max(0.0, min(left, 0.2)))
        except queue.Empty:
            for check in [each for each in waiting.values() if time.monotonic() - started >= each.seconds]:
                found[check.id] = ([unknown(f"it has not ended after {check.seconds:g} s")], check.seconds)
                del waiting[check.id]
            continue
        if waiting.pop(check.id, None):
            found[check.id] = (findings, seconds)
    return [Result(check, finding, found[check.id][1]) for check in checks for finding in found[check.id][0]]


def _one(check: Check, cloud: Cloud, answers: queue.SimpleQueue[Answer]) -> None:
    started = time.monotonic()
    try:
        findings = _findings(check, cloud)
    except (CannotSee, HeddleError) as reason:
        findings = [unknown(str(reason))]
    except Exception as error:
        findings = [unknown(f"it could not be looked at: {type(error).__name__}: {error}")]
    answers.put((check, findings, time.monotonic() - started))


def _findings(check: Check, cloud: Cloud) -> list[Finding]:
    said = cloud.look(check)
    findings = [said] if isinstance(said, Finding) else list(said)
    if not findings:
        return [unknown("it said nothing")]
    if any(each.level == Level.FAILURE for each in findings) and check.severity < Level.FAILURE:
        return [unknown("it said worse than it may: this is a mistake in the check")]
    return findings


def exit_code(results: Sequence[Result], *, warnings_ok: bool = False) -> int:
    """0 all is well; 1 there are warnings; 2 there are failures; 255 something could not be seen."""
    worst = max((result.level for result in results), default=Level.UNKNOWN)
    if worst == Level.WARNING and warnings_ok:
        return 0
    return worst.code
