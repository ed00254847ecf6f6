"""Passwords: hashed with the wanted cost, compared in the same time for nobody, guesses slowed down."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress

import pytest

from heddle.control.identity import passwords
from heddle.control.identity.passwords import FREE_GUESSES, Throttle, hash_password, verify
from heddle.errors import BadRequest, TooManyRequests


def test_the_hash_has_the_wanted_cost_and_no_password() -> None:
    found = hash_password("secret")
    assert found.startswith("$argon2id$") and "m=19456,t=2,p=1" in found
    assert verify(found, "secret") and not verify(found, "Secret") and "secret" not in found


@pytest.mark.parametrize("wrong", ["", "x" * 5000])
def test_empty_and_endless_passwords_are_refused(wrong: str) -> None:
    with pytest.raises(BadRequest, match="between 1 and"):
        hash_password(wrong)
    assert not verify(hash_password("x"), wrong)


def test_nobody_has_no_password() -> None:
    assert not verify("", "") and not verify("", "anything") and not verify("not a hash", "anything")


def test_nobody_costs_as_much_as_a_wrong_password() -> None:
    known = hash_password("secret")

    def milliseconds(password_hash: str) -> float:
        started = time.perf_counter()
        verify(password_hash, "wrong")
        return (time.perf_counter() - started) * 1000

    pairs = [(milliseconds(known), milliseconds("")) for _ in range(9)]
    one, other = (statistics.median(times) for times in zip(*pairs, strict=True))
    assert 0.5 < one / other < 2


def test_guesses_are_slowed_down_for_that_user_from_that_address(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(passwords.time, "monotonic", lambda: now[0])
    throttle = Throttle()
    for _ in range(FREE_GUESSES):
        throttle.check("ann", "192.0.2.1")
        throttle.wrong("ann", "192.0.2.1")
    with pytest.raises(TooManyRequests, match="try again in 1 seconds"):
        throttle.check("ann", "192.0.2.1")
    throttle.check("ann", "192.0.2.2")
    throttle.check("bob", "192.0.2.1")
    now[0] += 1.01
    throttle.check("ann", "192.0.2.1")
    throttle.wrong("ann", "192.0.2.1")
    now[0] += 1.01
    with pytest.raises(TooManyRequests):
        throttle.check("ann", "192.0.2.1")
    now[0] += 1
    throttle.check("ann", "192.0.2.1")
    throttle.right("ann", "192.0.2.1")
    throttle.check("ann", "192.0.2.1")


def test_the_memory_of_guesses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "REMEMBERED", 100)
    throttle = Throttle()
    for number in range(1000):
        throttle.wrong(f"user{number}", "192.0.2.1")
    assert len(throttle._guesses) <= 100


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_several_processes_let_as_many_guesses_through_as_one(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody guesses at each as often as it lets him, for an hour: not one more at each than at one alone."""

    def guesses(count: int) -> int:
        now = [1000.0]
        monkeypatch.setattr(passwords.time, "monotonic", lambda: now[0])
        throttles, made = [Throttle(count) for _ in range(count)], 0
        while now[0] < 4600:
            for throttle in throttles:
                with suppress(TooManyRequests):
                    throttle.check("ann", "192.0.2.1")
                    throttle.wrong("ann", "192.0.2.1")
                    made += 1
            now[0] += 1
        return made

    assert FREE_GUESSES < guesses(workers) <= guesses(1) + workers - 1
