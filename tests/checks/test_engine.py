"""The engine: checks beside each other, none of which can take another's result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from heddle.checks import registry
from heddle.checks.base import CannotSee, Check, Finding, Level, failure, unknown, warning, well
from heddle.checks.context import Context, Once
from heddle.checks.engine import exit_code, run
from heddle.config import Settings

CONTEXT = Context(Settings())


def make(name: str, does: Callable[[Context], Finding | Sequence[Finding]], **more: object) -> Check:
    words = {"title": name, "reads": "nothing", "severity": Level.FAILURE, "remedy": "mend it", "seconds": 0.5}
    return Check(id=name, check=does, **{**words, **more})  # type: ignore[arg-type]


def raises(error: Exception) -> Callable[[Context], Finding]:
    def check(context: Context) -> Finding:
        raise error

    return check


def test_one_that_raises_or_hangs_is_unknown_and_the_others_stand() -> None:
    never = threading.Event()

    def hangs(context: Context) -> Finding:
        never.wait()
        return well("late")

    checks = [
        make("hangs", hangs), make("raises", raises(ValueError("seven"))), make("blind", raises(CannotSee("dark"))),
        make("well", lambda context: well("fine")), make("several", lambda context: [warning("a"), failure("b")]),
        make("silent", lambda context: []),
        make("too bad", lambda context: failure("x"), severity=Level.WARNING),
    ]  # fmt: skip
    started = time.monotonic()
    results = run(checks, CONTEXT)
    never.set()
    assert time.monotonic() - started < 2
    told = [(each.check.id, each.level, each.finding.details) for each in results]
    assert told == [
        ("hangs", Level.UNKNOWN, "it has not ended after 0.5 s"),
        ("raises", Level.UNKNOWN, "it could not be looked at: ValueError: seven"),
        ("blind", Level.UNKNOWN, "dark"), ("well", Level.SUCCESS, "fine"), ("several", Level.WARNING, "a"),
        ("several", Level.FAILURE, "b"), ("silent", Level.UNKNOWN, "it said nothing"),
        ("too bad", Level.UNKNOWN, "it said worse than it may: this is a mistake in the check"),
    ]  # fmt: skip
    assert [each.remedy for each in results][3:5] == ["", "mend it"]


def test_a_hundred_that_hang_take_no_longer_than_one() -> None:
    never = threading.Event()
    checks = [make(f"c{n}", lambda context: well(str(never.wait()))) for n in range(100)]
    started = time.monotonic()
    results = run(checks, CONTEXT)
    never.set()
    assert {each.level for each in results} == {Level.UNKNOWN} and time.monotonic() - started < 5


def test_progress_is_told() -> None:
    heard: list[tuple[int, int, list[str]]] = []
    release = threading.Event()

    def late(context: Context) -> Finding:
        release.wait(5)
        return well("at last")

    checks = [make("early", lambda context: well("x")), make("late", late, seconds=8)]
    run(checks, CONTEXT, lambda *told: (heard.append(told), told[0] == 1 and release.set())[0])
    assert heard[0] == (0, 2, ["early", "late"]) and heard[-1] == (1, 2, ["late"])


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([well("")], 0), ([well(""), warning("")], 1), ([warning(""), failure("")], 2),
        ([unknown(""), failure("")], 2), ([unknown(""), warning("")], 255), ([unknown(""), well("")], 255),
    ],
)  # fmt: skip
def test_exit_codes(found: list[Finding], code: int) -> None:
    results = run([make("x", lambda context: found)], CONTEXT)
    assert exit_code(results) == code
    assert exit_code(results, warnings_ok=True) == (0 if code == 1 else code)


def test_nothing_looked_at_is_no_success() -> None:
    assert exit_code([]) == 255


def test_an_incomplete_check_fails_when_it_is_loaded() -> None:
    for missing in ({"remedy": ""}, {"reads": ""}, {"severity": Level.SUCCESS}, {"seconds": 60.0}):
        with pytest.raises(TypeError, match="is incomplete"):
            make("x", lambda context: well(""), **missing)


def test_every_file_is_a_check_of_its_kind() -> None:
    found = registry.registry()
    assert len(found) >= 8
    for id, check in found.items():
        assert id == check.id and id.startswith(f"{check.kind}-")
        assert (check.check.__module__.__doc__ or "").strip() if hasattr(check.check, "__module__") else False


def test_what_is_reached_once_fails_once() -> None:
    tries: list[int] = []

    def fail() -> int:
        tries.append(1)
        raise OSError("away")

    once = Once(fail)
    for _ in range(3):
        with pytest.raises(OSError, match="away"):
            once.get()
    assert tries == [1] and not once.done
