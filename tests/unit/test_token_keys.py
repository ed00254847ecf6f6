"""The keys that seal tokens: what was sealed opens, nothing else does, and rotation logs nobody out."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heddle.control.identity import keys as module
from heddle.control.identity.key_storage import KeyFolder, KeyRows
from heddle.control.identity.keys import KeyRing
from heddle.errors import ConfigError
from heddle.store.engine import Store
from heddle.store.query import token_keys

HOUR = 3600.0


class Clock:
    """Time that tests move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.time()
        monkeypatch.setattr(module.time, "time", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def ring(folder: Path) -> KeyRing:
    return KeyRing(KeyFolder(folder / "keys"), 12 * HOUR, 168 * HOUR)


def test_what_was_sealed_opens(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    assert keys.open(keys.seal(b"content")) == b"content"
    assert keys.seal(b"content") != keys.seal(b"content")


def test_keys_are_for_the_server_alone(tmp_path: Path) -> None:
    ring(tmp_path)
    (file,) = (tmp_path / "keys").glob("*.key")
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_a_new_server_opens_what_the_one_before_sealed(tmp_path: Path) -> None:
    token = ring(tmp_path).seal(b"content")
    assert ring(tmp_path).open(token) == b"content"


def test_the_newest_key_seals_also_when_several_are_made_in_a_second(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    for _ in range(8):
        known = set(keys._keys)
        keys.rotate()
        (newest,) = set(keys._keys) - known
        assert base64.urlsafe_b64decode(keys.seal(b"content") + "==").startswith(newest)


def test_each_key_that_another_process_makes_is_known_at_once(tmp_path: Path) -> None:
    one, other = ring(tmp_path), ring(tmp_path)
    stray = KeyRing(KeyFolder(tmp_path / "others"), 12 * HOUR, 168 * HOUR).seal(b"x")
    for _ in range(20):
        assert other.open(stray) is None
        one.rotate()
        assert other.open(one.seal(b"content")) == b"content"


def test_a_changed_token_does_not_open(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    sealed = bytearray(base64.urlsafe_b64decode(keys.seal(b"content") + "=="))
    for place in range(len(sealed)):
        changed = bytes(sealed[:place]) + bytes([sealed[place] ^ 1]) + bytes(sealed[place + 1 :])
        assert keys.open(base64.urlsafe_b64encode(changed).decode()) is None


@given(st.text(max_size=300))
def test_anything_else_does_not_open(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    global _RING
    _RING = _RING or ring(tmp_path_factory.mktemp("any"))
    assert _RING.open(text) is None


_RING: KeyRing | None = None


def test_a_key_is_replaced_in_time_and_thrown_away_when_no_token_needs_it(tmp_path: Path, clock: Clock) -> None:
    keys = ring(tmp_path)
    old = keys.seal(b"old")
    clock.now += 169 * HOUR
    new = keys.seal(b"new")
    assert old[:5] != new[:5]
    assert keys.open(old) == b"old"
    clock.now += 11 * HOUR
    assert keys.open(old) == b"old"
    clock.now += 160 * HOUR
    keys.seal(b"newer")
    assert keys.open(new) == b"new"
    assert keys.open(old) is None
    assert len(list((tmp_path / "keys").glob("*.key"))) == 2


def test_rotation_by_hand_logs_nobody_out(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    tokens = []
    for number in range(4):
        tokens.append(keys.seal(str(number).encode()))
        keys.rotate()
    assert [keys.open(token) for token in tokens] == [b"0", b"1", b"2", b"3"]


def test_servers_that_share_the_folder_open_each_others_tokens(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = ring(tmp_path), ring(tmp_path)
    assert other.open(one.seal(b"content")) == b"content"
    one.rotate()
    monkeypatch.setattr(module.time, "monotonic", lambda: 1e9)
    assert other.open(one.seal(b"later")) == b"later"


def test_a_key_that_another_server_has_just_made_is_known_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by one that has just looked; and a token of nobody's key costs no further look."""
    one, other = ring(tmp_path), ring(tmp_path)
    monkeypatch.setattr(module.time, "monotonic", lambda: 1e9)
    unknown = KeyRing(KeyFolder(tmp_path / "others"), 12 * HOUR, 168 * HOUR).seal(b"x")
    assert other.open(unknown) is None
    one.rotate()
    assert other.open(one.seal(b"later")) == b"later"
    monkeypatch.setattr(Path, "glob", lambda *_: pytest.fail("looked again"))
    assert other.open(unknown) is None


def test_two_servers_make_one_key_when_it_is_time(tmp_path: Path, clock: Clock) -> None:
    one, other = ring(tmp_path), ring(tmp_path)
    clock.now += 169 * HOUR
    one.seal(b"")
    other.seal(b"")
    assert len(list((tmp_path / "keys").glob("*.key"))) == 2


def test_a_damaged_key_file_leaves_the_others_working(tmp_path: Path) -> None:
    keys = ring(tmp_path)
    token = keys.seal(b"content")
    (tmp_path / "keys" / "1-zz.key").write_text("not a key")
    assert ring(tmp_path).open(token) == b"content"


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="token keys"):
        ring(tmp_path / "file")


def test_keys_in_the_database_are_everybodys(store: Store) -> None:
    one, other = (KeyRing(KeyRows(store), 12 * HOUR, 168 * HOUR) for _ in range(2))
    assert other.open(one.seal(b"content")) == b"content"
    other.rotate()
    assert one.open(other.seal(b"later")) == b"later"
    assert len(KeyRows(store).read()) == 2
    with store.read() as tx:
        assert all(len(name) == 8 and len(secret) == 64 for name, _, secret in token_keys.every(tx))


def test_keys_in_the_database_are_thrown_away_too(store: Store, clock: Clock) -> None:
    keys = KeyRing(KeyRows(store), 12 * HOUR, 168 * HOUR)
    old = keys.seal(b"old")
    for _ in range(2):
        clock.now += 169 * HOUR
        keys.seal(b"")
    assert keys.open(old) is None and len(KeyRows(store).read()) == 2
