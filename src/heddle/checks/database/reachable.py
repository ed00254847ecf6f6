"""The database answers."""

from __future__ import annotations

import time
from dataclasses import replace

from heddle.checks.base import Check, Finding, Level, OnOpenStack, failure, unknown, well
from heddle.checks.beside import beside
from heddle.checks.context import Context, Once
from heddle.checks.openstack.context import SECONDS, Database, OpenStack
from heddle.errors import ConfigError, HeddleError
from heddle.store import admin
from heddle.store.engine import Store


def check(context: Context) -> Finding:
    return _reach(context.settings.database_url, context.database)


def openstack(cloud: OpenStack) -> list[Finding]:
    answers = zip(cloud.databases, beside(_try, cloud.databases, SECONDS), strict=True)
    found = [(database, said or failure(f"it has not answered after {SECONDS:g} s")) for database, said in answers]
    return [replace(said, details=f"{database.name}: {said.details}") for database, said in found]


def _try(database: Database) -> Finding:
    if database.service.problem:
        return unknown(database.place.problem)
    return failure(database.place.problem) if database.place.problem else _reach(database.place.url, database.store)


def _reach(url: str, database: Once[Store]) -> Finding:
    started = time.monotonic()
    try:
        store = database.get()
    except ConfigError as error:
        return failure(str(error))
    except HeddleError as error:
        return failure(str(error), evidence=admin.shown(url))
    took = time.monotonic() - started
    return well(f"{admin.version(store)} answers", evidence=f"{admin.shown(url)}, {1000 * took:.0f} ms")


CHECK = Check(
    id="database-reachable",
    title="The database answers",
    reads="a connection to database.url, and one statement",
    severity=Level.FAILURE,
    remedy="Start the database, or correct database.url; see that this machine may connect to it.",
    check=check,
    openstack=OnOpenStack(
        openstack, "a connection to each [database] and [api_database] connection, and one statement",
        "Start the database, or correct the connection; see that this machine may connect to it.",
    ),
)
