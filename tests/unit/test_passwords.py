"""Passwords: hashed with the wanted cost, compared in the same time for nobody."""

from __future__ import annotations

import statistics
import time

import pytest

from heddle.control.identity import passwords
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


def test_a_right_password_is_remembered_for_a_while_and_a_wrong_one_never(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []

    class Hasher:
        """Counts what is computed."""

        def verify(self, password_hash: str, password: str) -> bool:
            computed.append(password)
            return right.verify(password_hash, password)

    right, known = passwords._HASHER, hash_password("secret")
    now = time.monotonic()
    monkeypatch.setattr(passwords, "_HASHER", Hasher())
    monkeypatch.setattr(passwords, "_RECENT", passwords._Recent(seconds=60, most=2))
    assert verify(known, "secret") and verify(known, "secret") and computed == ["secret"]
    assert not verify(known, "wrong") and not verify(known, "wrong") and computed[1:] == ["wrong", "wrong"]
    assert not verify("", "secret") and not verify(known.replace("v=19", "v=16"), "secret")
    count = len(computed)
    monkeypatch.setattr(time, "monotonic", lambda: now + 100)
    assert verify(known, "secret") and len(computed) == count + 1, "after a while it is computed again"
    others = [right.hash(name) for name in ("a", "b")]
    assert all(verify(each, name) for each, name in zip(others, ("a", "b"), strict=True))
    count = len(computed)
    assert verify(known, "secret") and len(computed) == count + 1, "of more than are kept the oldest goes"
    assert "secret" not in repr(vars(passwords._RECENT))
