"""What the agents of all hosts tell of their hosts, and what is known of those that do not answer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from heddle.bus.ask import Outcome
from heddle.checks import questions
from heddle.checks.base import Finding
from heddle.view.facts import LEAST_NONCE, Facts, FactsQuestion, Program
from heddle.view.questions import Question

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


Asker = Callable[[Mapping[str, Question]], Mapping[str, Outcome]]


def gather(everybody: Iterable[str], ask: Asker) -> Nodes:
    """Ask all hosts.  Raises what `ask` raises."""
    question = FactsQuestion(nonce=secrets.token_bytes(LEAST_NONCE))
    asked = time.monotonic()
    outcomes = ask(dict.fromkeys(everybody, question))
    ended, longest = time.monotonic(), max((each.seconds for each in outcomes.values()), default=0.0)
    answers = {host: questions.said(outcome) for host, outcome in outcomes.items()}
    hosts = [
        Node(host, said, asked, ended - longest + outcomes[host].seconds)
        for host, said in sorted(answers.items()) if isinstance(said, Facts)
    ]  # fmt: skip
    others = {host: said for host, said in answers.items() if not isinstance(said, Facts)}
    return Nodes(tuple(hosts), tuple(questions.unanswered(others)))
