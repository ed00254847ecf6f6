"""What the first start of the server prepares: the schema, the administrator, and the files with the password.

The files are written before the database knows the password, so that no crash between the two leaves an
administrator whose password nobody has.  `heddle bootstrap --reset` gives the administrator a new one.  Of several
servers on one database the first to start has the files; the others leave the administrator's password as it is.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.cli.credentials import cloud, read_clouds, write_clouds, write_openrc
from heddle.cli.layout import Layout
from heddle.cli.privileges import drop_privileges
from heddle.config import Settings

if TYPE_CHECKING:
    from heddle.store.engine import Store

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

log = logging.getLogger(__name__)


def register(commands: Subparsers) -> None:
    bootstrap = commands.add_parser("bootstrap", help="prepare the database and the administrator (the server does it)")
    bootstrap.add_argument("--reset", action="store_true", help="give the administrator a new password")


def run(args: argparse.Namespace, settings: Settings) -> int:
    layout = Layout(settings)
    layout.prepare()
    drop_privileges(settings, 0)
    prepare(settings, reset=args.reset)
    if (layout.state / "clouds.yaml").exists():
        print(f"The administrator's credentials are in {layout.state}/admin-openrc and {layout.state}/clouds.yaml.")
    else:
        print("There is an administrator already, and another server has his credentials; `heddle bootstrap --reset` "
              "gives him a new password, and writes it here.")  # fmt: skip
    return 0


def prepare(settings: Settings, reset: bool = False) -> None:
    """Bring the schema up to date and see that there is an administrator.  Raises `HeddleError`."""
    from heddle.store import migrate
    from heddle.store.engine import Store

    store = Store(settings.database_url, settings.database.pool)
    try:
        migrate.upgrade(store)
        if settings.identity.auth == "embedded":
            with _alone(Layout(settings).state):
                _administrator(store, settings, reset)
    finally:
        store.close()


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Servers that share a state folder make the administrator one after the other."""
    with open(state / ".bootstrap", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _administrator(store: Store, settings: Settings, reset: bool) -> None:
    from heddle.control.identity.bootstrap import ADMIN, bootstrap, exists

    state = Layout(settings).state
    file, openrc = state / "clouds.yaml", state / "admin-openrc"
    if not reset and not file.exists() and exists(store):
        log.info("there is an administrator already, another server has the files; heddle bootstrap --reset makes new")
        return
    fresh = reset or not file.exists()
    password = secrets.token_urlsafe(18) if fresh else read_clouds(file)[ADMIN].password
    entry = cloud(settings, ADMIN, password)
    if fresh or read_clouds(file)[ADMIN] != entry:
        write_openrc(openrc, entry)
        write_clouds(file, [entry])
    if not bootstrap(store, password, settings, reset_password=reset) and fresh:
        log.info("another server was first to make the administrator, and has the files")
        file.unlink()
        openrc.unlink()
