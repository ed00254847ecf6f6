"""`heddle db`: the database's schema, its state, and backups that any engine restores."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import pwd
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from heddle.cli.layout import Layout
from heddle.cli.meter import Meter
from heddle.cli.supervisor import holder
from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_SQLITE = "sqlite:///"


def register(commands: Subparsers) -> None:
    db = commands.add_parser("db", help="the database: schema, state, backup, restore")
    what = db.add_subparsers(dest="action", metavar="ACTION", required=True)
    change = what.add_parser("migrate", help="bring the schema up to date (the server does so when it starts)")
    kind = change.add_mutually_exclusive_group()
    kind.add_argument("--expand", action="store_true", help="only add what this version needs; servers of the version "
                      "before go on (what happens without an option, too)")  # fmt: skip
    kind.add_argument("--contract", action="store_true", help="also take away what only they read: when all servers "
                      "are of this version")  # fmt: skip
    status = what.add_parser("status", help="print the engine, the schema's revision and how many rows there are; exit "
                             "status 1 when this program cannot work with the schema")  # fmt: skip
    status.add_argument("--json", action="store_true", help="for programs")
    backup = what.add_parser("backup", help="write all content to FILE, of any engine; servers may run meanwhile")
    backup.add_argument("file", type=Path, metavar="FILE")
    restore = what.add_parser("restore", help="fill an empty database of any engine with a backup; the embedded one is "
                              "replaced, and kept beside; the server must not run")  # fmt: skip
    restore.add_argument("file", type=Path, metavar="FILE")


def run(args: argparse.Namespace, settings: Settings) -> int:
    actions = {"migrate": _migrate, "status": _status, "backup": _backup, "restore": _restore}
    return actions[args.action](args, settings)


def _migrate(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.store import migrate
    from heddle.store.admin import opened

    with opened(settings.database_url) as store:
        before = migrate.current(store)
        (migrate.contract if args.contract else migrate.upgrade)(store)
        after = migrate.current(store)
    print(f"The schema is at revision {after}" + (", as it was." if after == before else f", from {before or 'none'}."))
    if after is not None and after < migrate.HEAD:
        print("When no server of an older version runs any more: heddle db migrate --contract")
    return 0


def _status(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.store import admin, migrate

    url = settings.database_url
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        raise HeddleError(f"there is no database at {url.removeprefix(_SQLITE)} yet: `heddle up` makes it")
    with admin.opened(url) as store:
        version = admin.version(store)
        with store.engine.connect() as conn:
            found = migrate.found(conn)
            fits, floor = migrate.fits(conn, found), migrate.floor(conn)
        rows = admin.counts(store) if fits else {}
    if args.json:
        print(json.dumps({"url": admin.shown(url), "engine": version, "revision": found, "expected": migrate.HEAD,
                          "fits": fits, "serves_from": floor, "rows": rows}, indent=2))  # fmt: skip
    else:
        print(f"database   {admin.shown(url)}\nengine     {version}")
        print(f"schema     {found or 'none: empty'}; this program expects {migrate.HEAD}")
        if rows:
            print(f"content    {sum(rows.values())} rows in {len(rows)} tables")
        if found is not None and fits and found != migrate.HEAD:
            print("           which works with it; " + ("a newer version has expanded it" if found > migrate.HEAD else
                  "to take away what older versions read: heddle db migrate --contract"))  # fmt: skip
        elif not fits:
            print("           -> heddle db migrate")
    return 0 if fits else 1


def _backup(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.control.context import timestamp
    from heddle.store import backup
    from heddle.store.admin import opened

    target: Path = args.file
    source = _database_file(settings)
    if source and not source.is_file():
        raise HeddleError(f"there is no database at {source}: is paths.state or database.url the right one?")
    if target.exists():
        raise HeddleError(f"{target} exists: name a file that does not, or remove it")
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        with os.fdopen(handle, "w+b") as file, opened(settings.database_url) as store, Meter() as meter:
            written = backup.write(store, file, timestamp(), meter.show)
            file.flush()
            os.fsync(handle)
            file.seek(0)
            backup.verify(file, str(partial))
        partial.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise HeddleError(f"the backup to {target} failed: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    print(f"{written.total} rows written to {target} and read again, {target.stat().st_size} bytes.")
    return 0


def _restore(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.store import backup
    from heddle.store.admin import opened

    if pid := holder(Layout(settings).lock):
        raise HeddleError(f"Heddle runs as process {pid}: `heddle stop` first, then restore, then `heddle up`")

    def fill(url: str, file: IO[bytes]) -> None:
        with opened(url) as store, Meter() as meter:
            header = backup.restore(store, file, str(args.file), meter.show)
        print(f"{header.total} rows of {args.file}, made {header.made} on {header.engine}, restored.")

    try:
        with args.file.open("rb") as file:
            if target := _database_file(settings):
                _into_file(target, settings.server.user, lambda url: fill(url, file))
            else:
                fill(settings.database_url, file)
    except (OSError, sqlite3.Error) as error:
        raise HeddleError(f"the restore of {args.file} failed, the database is as it was: {error}") from error
    print("Start with `heddle up --detach`.")
    return 0


def _into_file(target: Path, user: str, fill: Callable[[str], None]) -> None:
    """Fill a new file that takes the place of the embedded database, which stays beside it."""
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb"):
            fill(f"{_SQLITE}{partial}")
            _empty_log(partial)
            _give_to(handle, user)
        _sync(partial)
        kept = _keep(target) if target.exists() else None
        partial.replace(target)
        _sync(target.parent)
    finally:
        for leftover in ("", "-wal", "-shm"):
            partial.with_name(partial.name + leftover).unlink(missing_ok=True)
    if kept:
        print(f"The database that was there is kept as {kept}.")


def _keep(target: Path) -> Path:
    """Give a database a second name that nothing has, and what its write-ahead log still holds goes there with it."""
    names = (f"{target.name}.before-restore{number}" for number in itertools.chain([""], itertools.count(2)))
    kept = next(target.with_name(name) for name in names if not target.with_name(name).exists())
    _empty_log(target)
    os.link(target, kept, follow_symlinks=False)
    with suppress(FileNotFoundError):
        target.with_name(target.name + "-wal").rename(kept.with_name(kept.name + "-wal"))
    target.with_name(target.name + "-shm").unlink(missing_ok=True)
    return kept


def _database_file(settings: Settings) -> Path | None:
    """The file of the embedded database, None with another engine."""
    url = settings.database_url
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


def _give_to(handle: int, user: str) -> None:
    """The server's user must be able to write its database.  The folder is theirs: the name may be another file's."""
    with suppress(KeyError):
        if os.geteuid() == 0 and user:
            os.fchown(handle, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)


def _empty_log(file: Path) -> None:
    """Move what is in the write-ahead log into the database, so that its file is all of it."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(file, timeout=10)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
