"""The bus: how the server and the agents reach each other.

Three verbs.  **wake** goes from the server to the agents and says that scopes have news: a hint, never
the data, so that a lost, doubled, late or reordered one changes nothing.  **call** goes from an agent
to the server and waits for the answer; its methods are `fetch` and `report` (`view/types.py`).  **ask** goes from who
looks at the cloud (`heddle upgrade check`) to an agent, which replies; nothing that a host does depends on it
(`ask.py`).

A bus is one file with a `ServerBus` and an `AgentBus`.  `memory.py` joins both in one process, for
tests; `local.py` is a Unix socket, for a server and an agent on one machine: where several processes answer
requests, the agent is connected to one of them, and `relay.py` brings it the wake-ups of the others.  `amqp.py` joins
any number of servers and hosts through a broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest, Wake

# Takes an encoded question and what sends the encoded reply; a thread of the bus calls it, and is not held up.
Questioned = Callable[[bytes, Callable[[bytes], None]], None]


class Handler(Protocol):
    """The server's side of a call."""

    def key(self, host: str) -> str:
        """The secret of a host, "" for one that may not call; asked where a broker stands between."""

    def fetch(self, request: FetchRequest) -> FetchReply: ...

    def report(self, request: ReportRequest) -> ReportReply: ...


class ServerBus(Protocol):
    def start(self, handler: Handler) -> None:
        """Begin to answer calls.  Returns at once."""

    def wake(self, scopes: Iterable[str], request_id: str = "") -> None:
        """Tell the agents that subscribed to one of the scopes; without scopes all of them, that anything may be new.

        Never blocks, never raises.
        """

    def hears(self) -> bool:
        """Whether the calls of agents can reach this process now."""

    def stop(self) -> None: ...


class AgentBus(Protocol):
    def answer(self, questioned: Questioned) -> None:
        """Have the questions to this host taken by `questioned`; called before `start`, or nobody takes them."""

    def start(self, host: str, on_wake: Callable[[Wake], None]) -> None:
        """Connect (and reconnect for ever, in the background).

        `on_wake` is called from a thread of the bus.  After each reconnect it is called with no scopes,
        because wake-ups may have been lost meanwhile.
        """

    def subscribe(self, scopes: Iterable[str]) -> None:
        """Replace the scopes whose wake-ups this agent wants."""

    def fetch(self, request: FetchRequest) -> FetchReply:
        """Raises `BusError` when the server cannot be reached or answers with an error."""

    def report(self, request: ReportRequest) -> ReportReply:
        """Raises `BusError` like `fetch`."""

    def stop(self) -> None: ...


class BusError(Exception):
    """The other side cannot be reached, did not answer in time, or refused the call."""
