"""The context of checks that look at a running OpenStack: its services by their files, each database reached once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from heddle.checks.base import CannotSee, Check, Finding, Level, not_applicable, unknown
from heddle.checks.beside import beside
from heddle.checks.context import DATABASE_SECONDS, Once
from heddle.checks.openstack.service import Place, Service, read
from heddle.errors import HeddleError
from heddle.store import examine
from heddle.store.engine import Store, Tx
from heddle.store.examine import openstack

SECONDS = 8.0


class Database:
    """One of the databases, which is reached once for all checks together."""

    def __init__(self, place: Place) -> None:
        self.place, self.name, self.service = place, place.name, place.service
        self.store: Once[Store] = Once(lambda: openstack.connect(place.url, DATABASE_SECONDS))

    def close(self) -> None:
        if self.store.done:
            self.store.get().close()


Look = Callable[[Database, Tx], Sequence[Finding]]


class OpenStack:
    """`files`: those of each service, by "neutron" and "nova"."""

    def __init__(self, files: Mapping[str, Sequence[str]]) -> None:
        self._read = Once(lambda: [read(name, mine) for name, mine in files.items() if mine])
        self._made = Once(lambda: [Database(place) for service in self.services for place in service.places()])

    @property
    def services(self) -> list[Service]:
        return self._read.get()

    @property
    def databases(self) -> list[Database]:
        return self._made.get()

    def look(self, check: Check) -> Sequence[Finding]:
        """What a check says of OpenStack; its remedies are those for OpenStack."""
        way = check.openstack
        if isinstance(way, str):
            return [not_applicable(way)]
        said = way.look(self)
        return [each if each.remedy or each.level == Level.UNKNOWN else replace(each, remedy=way.remedy)
                for each in said]  # fmt: skip

    def each(self, look: Look, *names: str) -> list[Finding]:
        """What `look` finds in each database of these names, or in all: beside each other, and none waits for one."""
        wanted = [each for each in self.databases if not names or each.name in names]
        answers = beside(lambda database: _seen(database, look), wanted, SECONDS)
        late = f"it has not ended after {SECONDS:g} s"
        pairs = zip(wanted, answers, strict=True)
        found = [replace(one, details=f"{database.name}: {one.details}")
                 for database, said in pairs for one in ([unknown(late)] if said is None else said)]  # fmt: skip
        return found or [not_applicable(f"no file was given that names the database {' or '.join(names)}")]

    def close(self) -> None:
        if self._made.done:
            for database in self.databases:
                with suppress(Exception):
                    database.close()


@contextmanager
def reading(database: Database) -> Iterator[Tx]:
    """A snapshot of it.  Raises `CannotSee` where it cannot be reached."""
    if database.place.problem:
        raise CannotSee("it is not known where it is: database-reachable says why")
    try:
        store = database.store.get()
    except HeddleError as error:
        raise CannotSee("it cannot be reached: database-reachable says why") from error
    with examine.reading(store, database.place.url) as tx:
        yield tx


def _seen(database: Database, look: Look) -> Sequence[Finding]:
    try:
        with reading(database) as tx:
            return look(database, tx) or [unknown("it said nothing")]
    except (CannotSee, HeddleError) as reason:
        return [unknown(str(reason))]
    except Exception as error:
        return [unknown(f"it could not be looked at: {type(error).__name__}")]
