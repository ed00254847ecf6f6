"""What the database refuses is told without the values: some of them are secret, and the text goes to the log."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from heddle.store import migrate
from heddle.store import tables as t
from heddle.store.engine import Store


def test_an_error_of_the_database_names_no_value(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/x.db")
    migrate.upgrade(store)
    with pytest.raises(sa.exc.IntegrityError) as found:
        store.write(lambda tx: tx.conn.execute(sa.insert(t.users), [{"id": "u", "password_hash": "hush-hush"}]))
    assert "users" in str(found.value) and "hush-hush" not in str(found.value)
    store.close()
