"""What a release says of itself: data that another release reads.

It may only grow by fields that have a default: an earlier program reads what it knows, a later one fills in the rest.
"""

from __future__ import annotations

from typing import Any

import msgspec

from heddle.former_settings import Former


class Option(msgspec.Struct, frozen=True):
    """A setting: its name as "section.name", its type in words, its default as JSON has it."""

    name: str
    type: str
    default: Any


class Step(msgspec.Struct, frozen=True):
    """A migration; `phase`: "expand", or "contract" for one that waits until no earlier server runs."""

    revision: str
    phase: str = "expand"


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """`folder` is the one that its program was loaded from.  `steps` from the first to the last; `protocols`: versions
    of the agents' protocol that its servers speak; `rules`: names of policy rules.

    `settings_problem`: why it cannot read the settings that were given to it, "" where it can; `policy_problem`: the
    same of the policy file that these name, and `policy_unused` are names in that file that decide nothing.
    """

    release: str
    folder: str = ""
    options: list[Option] = []
    former: list[Former] = []
    steps: list[Step] = []
    protocols: list[int] = []
    rules: list[str] = []
    settings_problem: str = ""
    policy_problem: str = ""
    policy_unused: list[str] = []

    @property
    def names(self) -> dict[str, Option]:
        return {option.name: option for option in self.options}

    @property
    def renamed(self) -> dict[str, Former]:
        """What became of settings of earlier releases, by the former name."""
        return {former.name: former for former in self.former}

    def pending(self, revision: str) -> list[str] | None:
        """The migrations that expand a database of this revision, None where none lead from it."""
        every = [step.revision for step in self.steps]
        if revision not in every:
            return None
        last = max((number for number, step in enumerate(self.steps) if step.phase == "expand"), default=-1)
        return every[every.index(revision) + 1 : last + 1]


def encode(description: Description) -> str:
    return msgspec.json.format(msgspec.json.encode(description)).decode()


def decode(text: str) -> Description:
    """Raises `ValueError`."""
    try:
        return msgspec.json.decode(text, type=Description)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
