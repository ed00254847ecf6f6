"""This program, described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

import heddle
from heddle import former_settings
from heddle.api.policy import Policy
from heddle.api.policy_rules import defaults
from heddle.checks.target.description import Description, Option, Step
from heddle.config import Settings
from heddle.errors import ConfigError
from heddle.store import migrate
from heddle.view.types import PROTOCOL


def describe(settings: Settings | None, problem: str = "") -> Description:
    """`settings`: None where they cannot be read, and `problem` says why."""
    policy_problem, unused = _policy(settings)
    return Description(
        release=heddle.__version__, folder=str(Path(heddle.__file__).parent), options=options(),
        former=list(former_settings.FORMER), steps=[Step(*each) for each in migrate.steps()], protocols=[PROTOCOL],
        rules=sorted(defaults()), settings_problem=problem, policy_problem=policy_problem, policy_unused=unused,
    )  # fmt: skip


def options() -> list[Option]:
    """All settings, in the order of their declaration."""
    empty = Settings()
    return [
        Option(f"{section}.{field.name}", _kind(field.type), _plain(getattr(table, field.name)))
        for section in Settings.__struct_fields__
        for table in [getattr(empty, section)]
        for field in msgspec.structs.fields(type(table))
    ]


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _kind(declared: Any) -> str:
    return "list of str" if declared == tuple[str, ...] else str(declared.__name__)


def _policy(settings: Settings | None) -> tuple[str, list[str]]:
    """What is wrong with the policy file, and what in it decides nothing."""
    if settings is None or not settings.identity.policy_file:
        return "", []
    try:
        return "", Policy(settings.identity.policy_file).unused
    except ConfigError as error:
        return str(error), []
