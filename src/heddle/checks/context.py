"""What checks look at: the settings, the database, the agents of hosts.  Each is reached once, for all checks together.

What cannot be reached is a failure of the check whose matter that is, and for all others a reason why they cannot see.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from heddle import __version__
from heddle.bus.ask import Outcome
from heddle.checks import questions
from heddle.checks.base import CannotSee, Check, Finding
from heddle.checks.target.coming import Coming, Named
from heddle.checks.target.description import Description
from heddle.checks.told import Nodes, gather
from heddle.config import Settings
from heddle.errors import HeddleError
from heddle.store import examine
from heddle.store.engine import Store, Tx
from heddle.store.query import host_keys, hosts
from heddle.view.questions import Question

T = TypeVar("T")
DATABASE_SECONDS = 3


class Context:
    """`settings` is None where they cannot be read, and `problem` says why; `file` is that of the settings, or "".

    `given`: the settings that somebody sets, by name, with where; `coming`: what the upgrade leads to, None for the
    program that runs.
    """

    def __init__(
        self, settings: Settings | None, problem: str = "", file: str = "", *,
        given: Mapping[str, str] | None = None, coming: Coming | None = None,
    ) -> None:  # fmt: skip
        self._settings, self.problem, self.file, self._given = settings, problem, file, given or {}
        self.coming = coming or Named(__version__)
        self.described: Once[Description] = Once(self.coming.describe)
        self.database: Once[Store] = Once(self._open)
        self.facts: Once[Nodes] = Once(lambda: gather(self.everybody(), self.outcomes))

    def look(self, check: Check) -> Finding | Sequence[Finding]:
        return check.check(self)

    @property
    def target(self) -> str:
        """The release that the upgrade leads to."""
        return self.coming.release

    @property
    def given(self) -> Mapping[str, str]:
        """Raises `CannotSee`."""
        self.settings  # noqa: B018
        return self._given

    @property
    def settings(self) -> Settings:
        """Raises `CannotSee`."""
        if self._settings is None:
            raise CannotSee("the settings cannot be read: configuration-settings says why")
        return self._settings

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """A snapshot of the database.  Raises `CannotSee` where it cannot be reached."""
        settings = self.settings
        try:
            store = self.database.get()
        except HeddleError as error:
            raise CannotSee("the database cannot be reached: database-reachable says why") from error
        with examine.reading(store, settings.database_url) as tx:
            yield tx

    @contextmanager
    def cloud(self) -> Iterator[Tx]:
        """The same for those who read what the cloud has: its schema must be the one of this program."""
        with self.reading() as tx:
            if not examine.is_current(tx):
                raise CannotSee("the schema is another than this program's: database-schema says which")
            yield tx

    def ask_each(
        self, asked: Mapping[str, Question], seconds: float = questions.SECONDS
    ) -> dict[str, questions.Said]:
        """What hosts say, each to its question and all asked at once: an answer, or the reason why there is none.

        Takes up to `seconds` and three more.  Raises `CannotSee` where nobody can be asked.
        """
        return {host: questions.said(each) for host, each in self.outcomes(asked, seconds).items()}

    def outcomes(self, asked: Mapping[str, Question], seconds: float = questions.SECONDS) -> dict[str, Outcome]:
        """The same as it came over the bus."""
        return questions.outcomes(self.settings, self._keys, asked, seconds)

    def everybody(self) -> list[str]:
        """All hosts that have ever reported."""
        with self.cloud() as tx:
            return sorted({agent.host for agent in hosts.AGENTS.find(tx)})

    def _keys(self, whom: Collection[str]) -> dict[str, str]:
        with self.cloud() as tx:
            return host_keys.keys(tx, whom)

    def close(self) -> None:
        if self.database.done:
            self.database.get().close()

    def _open(self) -> Store:
        return examine.connect(self.settings.database_url, DATABASE_SECONDS)


class Once(Generic[T]):
    """Something that is made when it is first wanted, by one of those who want it; an error is the same for all."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []
        self._error: Exception | None = None

    @property
    def done(self) -> bool:
        return bool(self._made)

    def get(self) -> T:
        with self._lock:
            if self._error is not None:
                raise self._error
            if not self._made:
                try:
                    self._made.append(self._make())
                except Exception as error:
                    self._error = error
                    raise
            return self._made[0]
