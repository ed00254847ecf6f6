"""Who of a running OpenStack has fallen silent: Neutron's agents and Nova's services, by the database's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from heddle.checks.base import CannotSee, Finding, failure, unknown, warning, well
from heddle.checks.openstack.context import Database
from heddle.checks.openstack.service import SILENCE, Service
from heddle.errors import ConfigError
from heddle.store.engine import Tx
from heddle.store.examine import openstack
from heddle.store.examine.openstack import Beat

NEUTRON_MEND = (
    "See on that host whether the agent runs, and what its log says; one that is gone for ever: `openstack network "
    "agent delete ID`."
)
NOVA_MEND = (
    "See on that host whether the service runs, and what its log says; one that is gone for ever: `openstack compute "
    "service delete ID`."
)
MEND = "See on that host whether it runs and what its log says."
CELL_MEND = "Run this command once more with the files of that cell: --nova-conf FILE."


def judge(database: Database, tx: Tx) -> list[Finding]:
    return {"neutron": _neutron, "nova": _nova, "nova_api": _cells}[database.name](database, tx)


def patience(service: Service) -> int:
    """After how many seconds a service takes one for silent.  Raises `CannotSee`."""
    name, default = SILENCE[service.name]
    try:
        return service.told.number("DEFAULT", name, default)
    except ConfigError as error:
        raise CannotSee(f"{error}: configuration-settings says more") from error


def _neutron(database: Database, tx: Tx) -> list[Finding]:
    return _judged(openstack.agents(tx), "agent", patience(database.service), NEUTRON_MEND)


def _nova(database: Database, tx: Tx) -> list[Finding]:
    service = database.service
    if (driver := service.told.get("DEFAULT", "servicegroup_driver", "db")) != "db":
        raise CannotSee(f"servicegroup_driver is {driver}: the database does not know which services report")
    return _judged(openstack.services(tx), "service", patience(service), NOVA_MEND)


def _cells(database: Database, tx: Tx) -> list[Finding]:
    """Hosts of a cell are in that cell's database."""
    own = next((each for each in database.service.places() if each.name == "nova"), None)
    others = openstack.cells_elsewhere(tx, own.url if own and own.url else "mysql://")
    said = "its services are in another database than that of [database] connection, and were not looked at"
    return [unknown(f"cell {name}: {said}", remedy=CELL_MEND) for name in others] or [
        well("the services of every cell are in the database of [database] connection")
    ]


def _judged(beats: list[Beat], noun: str, most: int, mend: str) -> list[Finding]:
    if not beats:
        return [warning(f"no {noun} has ever reported", remedy=mend)]
    found = [finding for beat in beats if (finding := _judge(beat, most, mend))]
    oldest = max(beat.ago for beat in beats)
    hosts = len({beat.host for beat in beats})
    return found or [well(f"{len(beats)} {noun}s on {hosts} hosts report", f"the oldest report is {oldest} s old")]


def _judge(beat: Beat, most: int, mend: str) -> Finding | None:
    """One that an operator has put out of service may be silent."""
    who = f"{beat.kind} of {beat.host}"
    if beat.forced_down:
        return warning(f"{who} is forced down", f"last heard {ago(beat.ago)} ago", node=beat.host,
                       remedy="Once the host is well: `openstack compute service set --up HOST SERVICE`.")  # fmt: skip
    if beat.ago < -most:
        return warning(f"{who} reports from {ago(-beat.ago)} in the future: when it falls silent nobody will see it",
                       node=beat.host, remedy="Have the clocks of the servers and the database's follow a time server.")
    if beat.ago <= most:
        return None
    say: Callable[..., Finding] = warning if beat.off else failure
    never = "" if beat.reports else ", and has never reported"
    off = " (it is disabled)" if beat.off else ""
    return say(f"{who}: silent for {ago(beat.ago)}{never}{off}", f"{beat.ago} s", node=beat.host, remedy=mend)


def versions(database: Database, tx: Tx) -> list[Finding]:
    """Services of Nova that are older than others of their kind: an upgrade that was not finished."""
    kinds: dict[str, list[Beat]] = {}
    for beat in openstack.services(tx):
        kinds.setdefault(beat.kind, []).append(beat)
    behind = [warning(_behind(kind, mine)) for kind, mine in kinds.items() if len(_of(mine)) > 1]
    told = ", ".join(f"{kind} {_of(mine)[0]}" for kind, mine in kinds.items())
    return behind or ([well("services of a kind are of one version", told)] if kinds else
                      [warning("no service has ever reported")])  # fmt: skip


def _behind(kind: str, beats: list[Beat]) -> str:
    newest = _of(beats)[-1]
    older = [f"{beat.host} ({beat.version})" for beat in beats if beat.version < newest]
    more = f" and {len(older) - 5} more" if len(older) > 5 else ""
    return f"{kind}: the newest is of version {newest}, older are {', '.join(older[:5])}{more}"


def _of(beats: Iterable[Beat]) -> list[int]:
    return sorted({beat.version for beat in beats})


def ago(seconds: int) -> str:
    if seconds < 7200:
        return f"{seconds} s"
    return f"{seconds // 3600} h" if seconds < 172800 else f"{seconds // 86400} days"
