"""What the agents of all hosts tell of their hosts, asked once for all checks, and how checks go through it.

A host that does not answer, and one whose agent is of before there were questions, is unknown to each check that wants
to know of it.  Where nobody can be asked, what was seen of the server's own machine stands, beside that it is so.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heddle import machine
from heddle.checks import questions
from heddle.checks.base import CannotSee, Finding, not_applicable, unknown
from heddle.checks.heard import NOBODY
from heddle.view.facts import LEAST_NONCE, Facts, FactsQuestion, Program

if TYPE_CHECKING:
    from heddle.checks.context import Context

SERVER = "this server"


@dataclass(frozen=True, slots=True)
class Node:
    """A host, or the machine that this runs on: then `name` is "".

    `facts` were told between `asked` and `answered`, on the monotonic clock of this process.
    """

    name: str
    facts: Facts
    asked: float = 0.0
    answered: float = 0.0

    @property
    def where(self) -> str:
        return self.name or SERVER

    def serves(self, role: str) -> bool:
        """Whether the host has that role; also where its agent does not tell its roles."""
        return self.facts.settings is None or role in self.facts.settings.roles

    def program(self, name: str) -> Program:
        """What the host tells of one, if it is that its agent does not tell it."""
        lack = f"its agent, of {self.facts.release}, does not tell it"
        return next((each for each in self.facts.programs if each.name == name), Program(name=name, lack=lack))


@dataclass(frozen=True, slots=True)
class Nodes:
    """Those that answered, and what is to be said of the others."""

    hosts: tuple[Node, ...]
    unseen: tuple[Finding, ...]

    @property
    def nobody(self) -> bool:
        return not self.hosts and not self.unseen


def gather(context: Context) -> Nodes:
    """Ask all hosts.  Raises `CannotSee` where nobody can be asked."""
    question = FactsQuestion(nonce=secrets.token_bytes(LEAST_NONCE))
    asked = time.monotonic()
    outcomes = context.outcomes(dict.fromkeys(context.everybody(), question))
    ended, longest = time.monotonic(), max((each.seconds for each in outcomes.values()), default=0.0)
    answers = {host: questions.said(outcome) for host, outcome in outcomes.items()}
    hosts = [
        Node(host, said, asked, ended - longest + outcomes[host].seconds)
        for host, said in sorted(answers.items()) if isinstance(said, Facts)
    ]  # fmt: skip
    others = {host: said for host, said in answers.items() if not isinstance(said, Facts)}
    return Nodes(tuple(hosts), tuple(questions.unanswered(others)))


def own(context: Context) -> Node:
    """The machine that this runs on, which has a server."""
    paths = context.settings.paths
    now = time.monotonic()
    return Node("", machine.here(context.settings, (paths.state, paths.log, paths.run)), now, time.monotonic())


Judge = Callable[[Node], Iterable[Finding]]


def hosts(context: Context) -> Nodes:
    """The hosts alone.  Raises `CannotSee` like `gather`."""
    return context.facts.get()


def everywhere(context: Context) -> Nodes:
    """The server's own machine, and the hosts; where nobody can be asked that is what is unseen."""
    mine = own(context)
    try:
        found = context.facts.get()
    except CannotSee as reason:
        return Nodes((mine,), (unknown(f"of hosts nothing is seen: {reason}"),))
    return Nodes((mine, *found.hosts), found.unseen)


def judged(
    nodes: Nodes, judge: Judge, praise: Callable[[list[Node]], Finding], concerned: Callable[[Node], bool] | None = None
) -> list[Finding]:
    """What there is to say of those that are `concerned`; `praise` says that all who were seen are well."""
    if nodes.nobody:
        return [NOBODY]
    seen = [node for node in nodes.hosts if concerned is None or concerned(node)]
    bad = [finding for node in seen for finding in _one(node, judge)]
    if not bad and (seen or not nodes.unseen):
        bad = [praise(seen) if seen else not_applicable("no host needs it")]
    return [*bad, *nodes.unseen]


def together(nodes: Nodes, judge: Callable[[tuple[Node, ...]], list[Finding]]) -> list[Finding]:
    """What there is to say of those that answered, by all of them beside each other; nothing where none did."""
    if nodes.nobody:
        return [NOBODY]
    return [*(judge(nodes.hosts) if nodes.hosts else []), *nodes.unseen]


def _one(node: Node, judge: Judge) -> list[Finding]:
    """What is odd of one host takes what is known of no other."""
    try:
        return list(judge(node))
    except (ValueError, ArithmeticError, OSError) as error:
        return [unknown(f"what {node.where} tells cannot be judged: {type(error).__name__}: {error}", node=node.name)]


def listed(values: Iterable[tuple[str, str]]) -> str:
    """(value, whose) as "A on host1, host2; B on host3"."""
    whose: dict[str, list[str]] = {}
    for value, name in values:
        whose.setdefault(value, []).append(name)
    return "; ".join(f"{value} on {', '.join(names)}" for value, names in whose.items())
