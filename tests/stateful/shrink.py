"""From a long log that ends in a failure, the few steps that still lead to it.

Each step draws its ids from its own number, so leaving steps out does not change the ids that the others give.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence
from pathlib import Path

from tests.stateful import invariants
from tests.stateful.determined import Source
from tests.stateful.views import Followers
from tests.stateful.world import Change, Failure, Step, World, check_status

_numbers = itertools.count(1)
_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


def shrink(world: World, error: Exception, folder: Path, source: Source, patience: float) -> list[Step]:
    """The steps that are needed, as far as they can be found in `patience` seconds."""
    log, seed = world.log, world.seed
    until = time.monotonic() + patience
    wanted = _kind(error)
    look = not isinstance(error, Failure) or not wanted[0].isdigit()

    def fails(steps: Sequence[Step]) -> bool:
        return time.monotonic() < until and _kind(replay(steps, folder, seed, source, look)) == wanted

    changed = [change for change in world.changed if change.step is not log[-1]]
    for kept in (_related(changed, log[-1], world.protected), [*(change.step for change in changed), log[-1]]):
        if fails(kept):
            break
    else:
        return log[-20:]
    count = 2
    while len(kept) > 1 and time.monotonic() < until:
        size = max(1, len(kept) // count)
        for start in range(0, len(kept), size):
            without = kept[:start] + kept[start + size :]
            if without and fails(without):
                kept, count = without, max(2, count - 1)
                break
        else:
            if size == 1:
                break
            count = min(len(kept), count * 2)
    return kept


def _related(changed: Sequence[Change], last: Step, known: set[str]) -> list[Step]:
    """The last step, and those which made what it names, and what these name; `known` is there from the start."""
    kept, named = [last], _ids(last) - known
    for change in reversed(changed):
        if named & set(_ID.findall(change.answer)):
            kept.insert(0, change.step)
            named |= _ids(change.step) - known
    return kept


def _ids(step: Step) -> set[str]:
    return set(_ID.findall(step.path + step.body.decode("utf-8", "replace")))


def _kind(error: Exception | None) -> str:
    """What two failures have in common that are the same: the beginning of the text."""
    return "" if error is None else str(error)[:30]


def replay(steps: Sequence[Step], folder: Path, seed: int, source: Source, look: bool) -> Exception | None:
    """Play the steps in a new cloud; the failure of the last one or of an invariant, if there is one."""
    world = World(folder / f"replay{next(_numbers)}", seed, source)
    followers = Followers(world)
    try:
        for step in steps:
            answer = world.play(step, careful=look and step is steps[-1])
            if look:
                followers.follow()
            if answer is not None:
                check_status(answer)
        if look:
            invariants.check(world, followers)
    except Exception as error:
        return error
    finally:
        world.close()
    return None
