"""Passwords: hashed with the wanted cost, compared in the same time for nobody."""

from __future__ import annotations

import statistics
import time

import pytest

from heddle.control.identity.passwords import hash_password, verify
from heddle.errors import BadRequest


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
