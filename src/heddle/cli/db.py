"""`heddle db`: the database's schema, and its backup while the server runs."""

from __future__ import annotations

import argparse
import os
import pwd
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.cli.layout import Layout
from heddle.cli.supervisor import holder
from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_SQLITE = "sqlite:///"


def register(commands: Subparsers) -> None:
    db = commands.add_parser("db", help="the database: schema, backup, restore")
    what = db.add_subparsers(dest="action", metavar="ACTION", required=True)
    what.add_parser("upgrade", help="bring the schema up to date (the server does so when it starts)")
    what.add_parser("revision", help="print the schema's revision, and the one this program expects")
    backup = what.add_parser("backup", help="write a consistent copy to FILE; the server may run")
    backup.add_argument("file", type=Path)
    restore = what.add_parser("restore", help="put a backup in the database's place; the server must not run")
    restore.add_argument("file", type=Path)


def run(args: argparse.Namespace, settings: Settings) -> int:
    actions = {"upgrade": _upgrade, "revision": _revision, "backup": _backup, "restore": _restore}
    return actions[args.action](args, settings)


def _upgrade(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.store import migrate
    from heddle.store.engine import Store

    store = Store(settings.database_url)
    try:
        migrate.upgrade(store)
        print(f"The schema is at revision {migrate.current(store)}.")
    finally:
        store.close()
    return 0


def _revision(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.store import migrate
    from heddle.store.engine import Store

    store = Store(settings.database_url)
    try:
        found, expected = migrate.current(store), migrate.HEAD
    finally:
        store.close()
    print(f"database {found or 'empty'}, program {expected}")
    return 0 if found == expected else 1


def _backup(args: argparse.Namespace, settings: Settings) -> int:
    source, target = _database_file(settings), args.file
    if not source.is_file():
        raise HeddleError(f"there is no database at {source}: is paths.state or database.url the right one?")
    if target.exists():
        raise HeddleError(f"{target} exists: name a file that does not, or remove it")
    partial = target.with_name(target.name + ".partial")
    partial.unlink(missing_ok=True)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        old, new = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30), sqlite3.connect(partial)
        with closing(old), closing(new):
            old.backup(new)
            _check(new, partial)
        _sync(partial)
        partial.rename(target)
    except (OSError, sqlite3.Error) as error:
        partial.unlink(missing_ok=True)
        raise HeddleError(f"the backup to {target} failed: {error}") from error
    print(f"Backup of {source} written to {target}, {target.stat().st_size} bytes, checked.")
    return 0


def _restore(args: argparse.Namespace, settings: Settings) -> int:
    layout = Layout(settings)
    if pid := holder(layout.lock):
        raise HeddleError(f"Heddle runs as process {pid}: `heddle stop` first, then restore, then `heddle up`")
    target, source = _database_file(settings), args.file
    if not source.is_file():
        raise HeddleError(f"there is no file {source}")
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old:
            _check(old, source)
            handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb"), closing(sqlite3.connect(partial)) as new:
                old.backup(new)
                _give_to(handle, settings.server.user)
        _sync(partial)
        _empty_log(target)
        for leftover in ("-wal", "-shm"):
            target.with_name(target.name + leftover).unlink(missing_ok=True)
        partial.replace(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise HeddleError(f"the restore of {source} failed, {target} is as it was: {error}") from error
    print(f"{source} is now the database {target}; start with `heddle up --detach`.")
    return 0


def _database_file(settings: Settings) -> Path:
    if not settings.database_url.startswith(_SQLITE):
        raise HeddleError("backup and restore are for the embedded SQLite; use pg_dump or mariadb-dump here")
    return Path(settings.database_url.removeprefix(_SQLITE))


def _give_to(handle: int, user: str) -> None:
    """The server's user must be able to write its database.  The folder is theirs: the name may be another file's."""
    with suppress(KeyError):
        if os.geteuid() == 0 and user:
            os.fchown(handle, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)


def _empty_log(target: Path) -> None:
    """Move what is in the write-ahead log into the old database, so that the log can go before it is replaced."""
    if target.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(target, timeout=10)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _check(database: sqlite3.Connection, path: Path) -> None:
    answer = database.execute("PRAGMA quick_check").fetchone()
    if answer != ("ok",) or not database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise HeddleError(f"{path} is not a whole database: {answer[0] if answer else 'empty'}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
