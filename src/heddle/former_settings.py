"""Settings of earlier releases, and what became of each: a settings file outlives the upgrade.

Who gives a setting another name declares the former one here, in the same change, with the first release that has the
new one.  It is read under its former name too, with a warning, in that release and all that follow.  A setting that is
taken away is declared with what to do instead, and whoever still sets it is told that.  Nothing leaves the table:
`heddle upgrade check --target` asks the release that comes for it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from heddle.errors import ConfigError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Former:
    """`name` as "section.name", until the release `since`; `now`: its name from then on, "" for one that is gone;
    `instead`: what to do in its place, as a sentence.
    """

    name: str
    since: str
    now: str = ""
    instead: str = ""


FORMER: tuple[Former, ...] = ()


def sections() -> set[str]:
    """Those that settings were in."""
    return {former.name.partition(".")[0] for former in FORMER}


def name_today(name: str, where: str) -> str:
    """The same for every other name.  Warns of a former one.  Raises `ConfigError` for one that is gone."""
    found = next((former for former in FORMER if former.name == name), None)
    if found is None:
        return name
    if not found.now:
        raise ConfigError(f"{where}: there is no setting {name} since {found.since}: {found.instead or 'take it out'}")
    log.warning("%s: the setting %s is called %s since %s: write it so", where, name, found.now, found.since)
    return name_today(found.now, where)


def renamed(tree: dict[str, Any], where: str) -> None:
    """Gives the settings of a file their names of today.  Raises `ConfigError`."""
    for former in FORMER:
        section, _, key = former.name.partition(".")
        table = tree.get(section)
        if not isinstance(table, dict) or key not in table:
            continue
        name = name_today(former.name, where)
        section_now, _, key_now = name.partition(".")
        there = tree.setdefault(section_now, {})
        if not isinstance(there, dict) or key_now in there:
            raise ConfigError(f"{where}: {former.name} and {name} are one setting: take out the former")
        there[key_now] = table.pop(key)
        if not table:
            del tree[section]
