"""What the database says of itself after a power cut, before the server has touched it."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

from heddle import config
from heddle.store import migrate


def main() -> int:
    path = config.load().database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        integrity = database.execute("PRAGMA integrity_check").fetchall()
        dangling = database.execute("PRAGMA foreign_key_check").fetchall()
        (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    said = "ok" if integrity == [("ok",)] and not dangling else f"{integrity[:3]} {dangling[:3]}"
    print(f"heddle-vm: fact integrity {said}")
    print(f"heddle-vm: fact schema {'head' if revision == migrate.HEAD else revision}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
