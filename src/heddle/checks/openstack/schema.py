"""Whether the revision that a schema of OpenStack's is noted to have can be true.

Which revision is the last one of a release, only that release's own program knows.  But tables tell of themselves: one
that a later migration brings, or one that is missing though its migration is noted, shows that the note is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from heddle.checks.base import Finding, failure, unknown, well
from heddle.checks.openstack.context import Database
from heddle.checks.openstack.known import CONTRACT_HEAD, CONTRACTS, NEUTRON, NOVA, NOVA_API, Step
from heddle.store.engine import Tx
from heddle.store.examine.openstack import Noted, noted

OCATA = [step.name for step in NEUTRON].index("Ocata")
STEPS = {"nova": NOVA, "nova_api": NOVA_API}
COMMANDS = {
    "neutron": "`neutron-db-manage current` beside `neutron-db-manage heads`",
    "nova": "`nova-manage db version` of the release that runs",
    "nova_api": "`nova-manage api_db version` of the release that runs",
}
LOST = (
    "Is it the right database, and may this user read the table? Otherwise restore the backup: without the note the "
    "next migration begins at the first one."
)


def judge(database: Database, tx: Tx) -> list[Finding]:
    found = noted(tx)
    if not found.things:
        return [failure("it has no table that this user sees", remedy=LOST)]
    if not found.revisions and not (found.migrate_version and database.name in STEPS):
        return [failure("the note of the schema's revision is lost: alembic_version is not there, or empty",
                        remedy=LOST)]  # fmt: skip
    if database.name == "neutron":
        return [_neutron(found)]
    return [_nova(database.name, found) if found.revisions else _legacy(database.name, found)]


def _neutron(found: Noted) -> Finding:
    contract = [each for each in found.revisions if each in CONTRACTS]
    expand = [each for each in found.revisions if each not in CONTRACTS]
    both = " and ".join(found.revisions)
    if found.revisions != ("kilo",) and (len(expand), len(contract)) != (1, 1):
        return failure(f"alembic_version has {both}: of the two branches, expand and contract, each has one head", both)
    at = _place(NEUTRON, expand[0])
    if at is not None and at >= OCATA and contract[0] != CONTRACT_HEAD:
        return failure(f"migrations that contract are pending: {contract[0]} is noted, and {CONTRACT_HEAD} is the last "
                       "since Newton", both)  # fmt: skip
    return _compared("neutron", NEUTRON, at, found, both)


def _nova(name: str, found: Noted) -> Finding:
    rows = " and ".join(found.revisions)
    if len(found.revisions) != 1:
        return failure(f"alembic_version has {rows}: there is one head", rows)
    return _compared(name, STEPS[name], _place(STEPS[name], rows), found, rows)


def _legacy(name: str, found: Noted) -> Finding:
    """Before Wallaby the note was a number."""
    said = f"migrate_version {found.migrate_version}"
    later = [step for step in STEPS[name][1:] if step.done(found.things)]
    if later:
        return failure(f"{said} is of a release before Wallaby, but {_shown(later[0])}, which came later", said)
    return well(f"{said}, of a release before Wallaby; {_unsure(name)}", said)


def _compared(name: str, steps: Sequence[Step], at: int | None, found: Noted, said: str) -> Finding:
    """With what is there: everything that came before, and nothing that comes later."""
    if at is None:
        return unknown(f"revision {said} is of a release that came later than this program, or of none; "
                       f"ask {COMMANDS[name]}")  # fmt: skip
    later = [step for step in steps[at + 1 :] if step.done(found.things)]
    alone = len(steps[at].revisions) == 1
    missing = [step for step in steps[: at + alone] if step.done(found.things) is False]
    what = f"{said} is noted" + (f", of {steps[at].name}" if steps[at].name not in said else "")
    if later:
        return failure(f"{what}, but {_shown(later[-1])}, which came with {later[-1].name}: the note is too old", said)
    if missing:
        return failure(f"{what}, but it does not show that {missing[0].name} was made ({missing[0].landmark}): it is "
                       "gone, this user may not see it, or the note is too new", said)  # fmt: skip
    return well(f"{what}, and the tables agree; {_unsure(name)}", said)


def _place(steps: Sequence[Step], revision: str) -> int | None:
    return next((number for number, step in enumerate(steps) if revision in step.revisions), None)


def _shown(step: Step) -> str:
    return f"{step.landmark[1:]} is gone" if step.landmark[0] == "-" else f"{step.landmark} is there"


def _unsure(name: str) -> str:
    return f"whether it is the last one of the release is known to its own program: {COMMANDS[name]}"
