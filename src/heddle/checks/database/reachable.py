"""The database answers."""

from __future__ import annotations

import time

from heddle.checks.base import Check, Finding, Level, failure, well
from heddle.checks.context import Context
from heddle.errors import ConfigError, HeddleError
from heddle.store import admin


def check(context: Context) -> Finding:
    url = context.settings.database_url
    started = time.monotonic()
    try:
        store = context.database.get()
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
)
