"""An hour in the life of a cloud: tenants change everything at random while its parts die, and traffic flows.

Three hosts with Open vSwitch and one with Linux bridges; three tenants (`changes.py`); round after round one fault,
with the flows of `hitless.py` through it.  At the end everything settles and is looked at (`settled.py`, `growth.py`);
then everything is removed, and nothing may be left (`leftovers.py`).

    soak.py [--minutes N] [--seed N]        exit status 1 when something does not hold

No flow may be without answers for a second, and the TCP connection must be whole.  (A machine that has as
much to do as this one gets loses some pings though nothing is done to it; that none is lost is what `make hitless`
shows.)  The first server and the first agent are not ended any more after a third of the time, so that their growth
can be seen.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.cluster import leftovers, settled
from tests.cluster.changes import Changes
from tests.cluster.growth import Growth, Sampler
from tests.cluster.hitless import LAB, Outcome, Traffic
from tests.cluster.lab import Lab, Program
from tests.engines.brokers import Broker

from heddle.control.duties import KEEP_REVISIONS
from heddle.simulate.postgres import Postgres

SETTLE, TENANTS = 180, 3
SILENT = 1.0
QUOTAS = ("network", "subnet", "port", "router", "floatingip", "security_group", "security_group_rule")
SERVERS = tuple(f"quota.{name}=-1" for name in QUOTAS)


@dataclass
class Report:
    """What was done and what does not hold, by what was looked at."""

    seed: int
    rounds: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    lost: int = 0
    changes: Counter[tuple[str, int]] = field(default_factory=Counter)
    growth: list[Growth] = field(default_factory=list)
    checks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not any(self.checks.values())

    def table(self) -> str:
        lines = ["", f"{'fault':<22}{'times':>8}"]
        lines += [f"{name:<22}{times:>8}" for name, times in sorted(self.rounds.items())]
        lines += ["", f"{'asked':<32}{'status':>8}{'times':>8}"]
        for (what, status), times in sorted(self.changes.items()):
            lines.append(f"{what:<32}{status or 'none':>8}{times:>8}")
        lines += ["", f"{'program':<12}{'MB: middle':>12}{'end':>8}{'files: middle':>16}{'end':>8}"]
        lines += [
            f"{each.name:<12}{each.mb[0]:>12.1f}{each.mb[1]:>8.1f}{each.files[0]:>16.0f}{each.files[1]:>8.0f}"
            for each in self.growth
        ]
        lines += ["", f"pings: {self.sent} sent, {self.lost} lost", "", f"{'what must hold':<44}result"]
        for name, wrong in self.checks.items():
            lines.append(f"{name:<44}{f'NO: {len(wrong)}' if wrong else 'yes'}")
        return "\n".join([*lines, "", f"seed {self.seed}: {'all holds' if self.clean else 'FAILED'}"])


class Soak:
    """One run.  `say` hears of the progress."""

    def __init__(self, minutes: float, seed: int, say: Callable[[str], None]) -> None:
        self._seconds, self._random, self._say = minutes * 60, random.Random(seed), say
        self.report = Report(seed)
        self.lab = Lab(4, servers=2, bridges=(4,), more=SERVERS, of_agents=LAB)

    def run(self) -> Report:
        try:
            self._begin()
            self._live()
            self._settle()
            self._remove()
        finally:
            self.lab.stop()
        return self.report

    def _begin(self) -> None:
        lab = self.lab
        lab.start(self._say)
        lab.api.get("/v2.0/security-groups")
        self._say("what stays on hosts that once were used")
        Traffic(lab).remove()
        lab.until(lambda: not settled.audited(lab), SETTLE, "the audit of the empty hosts is clean")
        lab.until(self._quiet, SETTLE, "the empty hosts are quiet")
        self._hosts = {host.name: leftovers.on_host(host) for host in lab.hosts}
        self._rows, self._files = leftovers.in_database(lab), leftovers.in_folders(lab)
        self._say("tenants and flows")
        self._traffic = Traffic(lab)
        tenant = self._traffic.tenant
        (outside,) = lab.api.get("/v2.0/networks", name=f"{tenant.name}-outside")["networks"]
        self._tenants = [
            Changes(lab, f"soak{number}", self._random.randrange(10**9), outside["id"], tenant.group["id"])
            for number in range(TENANTS)
        ]

    def _quiet(self) -> bool:
        """No namespace or process of Heddle's and no guest is left on a host, and it stays as it is for a while."""
        seen = [leftovers.on_host(host) for host in self.lab.hosts]
        time.sleep(3)
        return seen == [leftovers.on_host(host) for host in self.lab.hosts] and not any(
            each.startswith(("namespace", "process")) for one in seen for each in one
        )

    def _live(self) -> None:
        began = time.monotonic()
        sampler = Sampler(self.lab, self._seconds)
        for each in (sampler, *self._tenants):
            each.start()
        lost: list[str] = []
        while (past := time.monotonic() - began) < self._seconds:
            fault = self._fault(past > self._seconds / 3)
            lost += self._round(fault, past)
        self._say("the end of the changes")
        for tenant in self._tenants:
            tenant.end()
            self.report.changes += tenant.done
        sampler.end()
        self.report.growth = sampler.growth()
        names = {each.name for each in self.report.growth}
        absent = {self.lab.servers[0].name, self.lab.agents[0].name} - names
        self._check("no answer that no client is to see", [each for it in self._tenants for each in it.problems])
        self._check("traffic does not notice", lost)
        self._check("memory and open files do not grow", [
            *[str(each) for each in self.report.growth if not each.bounded], *[f"{each}: ended" for each in absent],
        ])  # fmt: skip

    def _round(self, fault: tuple[str, Callable[[], None]], past: float) -> list[str]:
        name, act = fault
        outcome: Outcome = self._traffic.run(act)
        sent, lost = sum(outcome.sent.values()), sum(outcome.lost.values())
        self.report.rounds[name] += 1
        self.report.sent += sent
        self.report.lost += lost
        made = sum(number for each in self._tenants for (_, status), number in list(each.done.items()) if status == 200)
        self._say(f"{past:6.0f} s  {name:<22} {made:>6} changes  {sent:>7} pings  {lost} lost")
        noticed = outcome.gap > SILENT + outcome.late or not outcome.stream["whole"]
        return [f"{past:.0f} s, {name}: {each}" for each in outcome.where] if noticed else []

    def _fault(self, spare: bool) -> tuple[str, Callable[[], None]]:
        """One at random; `spare`: not of the first server and the first agent."""
        lab, chance, how = self.lab, self._random, self._random.choice([signal.SIGTERM, signal.SIGKILL])
        pause = chance.uniform(0, 6)
        servers, agents = lab.servers[spare:], lab.agents[spare:]
        verb = "killed" if how == signal.SIGKILL else "ended"

        def of(programs: Sequence[Program]) -> Callable[[], None]:
            return lambda: _restart(programs, how, pause)

        return chance.choice([
            ("nothing", lambda: time.sleep(pause)), ("broker killed", lambda: _again(lab.broker, pause)),
            ("database killed", lambda: _again(lab.database, pause)),
            (f"server {verb}", of([chance.choice(servers)])), (f"all servers {verb}", of(servers)),
            (f"agent {verb}", of([chance.choice(agents)])), (f"all agents {verb}", of(agents)),
        ])  # fmt: skip

    def _settle(self) -> None:
        lab = self.lab
        plugged = [id for tenant in self._tenants for id in tenant.guests]
        plugged += [guest.port["id"] for guest in self._traffic.tenant.guests]
        self._check("all programs run", [each.name for each in (*lab.servers, *lab.agents) if not each.runs])
        self._until("all agents report", lambda: [h.name for h in lab.hosts if h.name not in lab.alive()])
        self._until("each object has the status it should", lambda: settled.statuses(lab, plugged))
        self._until("heddle audit finds nothing", lambda: settled.audited(lab))
        self._until("guests of a network reach each other", self._unreached)

    def _unreached(self) -> list[str]:
        """One pair of guests of each network whose ports are ACTIVE."""
        found = []
        active = {port["id"] for port in self.lab.api.get("/v2.0/ports", status="ACTIVE")["ports"]}
        for tenant in self._tenants:
            by_network: dict[str, list[str]] = {}
            for id in sorted(active & set(tenant.guests)):
                by_network.setdefault(tenant.guests[id][2]["network_id"], []).append(id)
            for ids in by_network.values():
                for id in ids[1:]:
                    (host, name, _), (there, _, port) = tenant.guests[ids[0]], tenant.guests[id]
                    address = port["fixed_ips"][0]["ip_address"]
                    if not host.pings(name, address):
                        found.append(f"{name} on {host.name} does not reach {address} on {there.name}")
        return found

    def _remove(self) -> None:
        lab = self.lab
        for tenant in self._tenants:
            tenant.clear()
        self._traffic.remove()
        self._until("nothing is left on the hosts", self._left_on_hosts)
        self._until("nothing is left in the database", self._left_in_database)
        self._until("nothing is left in the agents' folders", lambda: sorted(leftovers.in_folders(lab) - self._files))
        kept = leftovers.kept_rows(lab)
        self._check("what is kept for a while is bounded", [
            f"{kept[name]} rows in {name}" for name, most in
            (("changes", KEEP_REVISIONS), ("agent_instances", 0), ("host_revisions", 0), ("audits", 20),
             ("audit_answers", 100)) if kept[name] > most
        ])  # fmt: skip
        self._check("no traceback in a log", settled.tracebacks(lab))
        self._check("no secret in a log", settled.secrets_told(lab))

    def _left_on_hosts(self) -> list[str]:
        found = []
        for host in self.lab.hosts:
            now = leftovers.on_host(host)
            found += [f"{host.name}: {each}" for each in sorted(now - self._hosts[host.name])]
            found += [f"{host.name}: no {each}" for each in sorted(self._hosts[host.name] - now)]
        return found

    def _left_in_database(self) -> list[str]:
        now = leftovers.in_database(self.lab)
        return [f"{name}: {number} rows" for name, number in now.items() if number != self._rows.get(name, 0)]

    def _check(self, name: str, wrong: list[str]) -> None:
        self.report.checks[name] = wrong
        self._say(f"{name}: {'NO' if wrong else 'yes'}")
        for each in wrong[:12]:
            self._say(f"    {each}")

    def _until(self, name: str, wrong: Callable[[], list[str]]) -> None:
        """Until there is nothing wrong, or it is time."""
        end = time.monotonic() + SETTLE
        while found := wrong():
            if time.monotonic() > end:
                break
            time.sleep(1)
        self._check(name, found)


def _restart(programs: Sequence[Program], how: int, pause: float) -> None:
    for program in programs:
        program.end(how)
    time.sleep(pause)
    for program in programs:
        program.start()


def _again(part: Postgres | Broker, pause: float) -> None:
    part.kill()
    time.sleep(pause)
    part.start()


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Random changes and faults in a cloud of four hosts.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None, help="default: a random one, which is printed")
    args = parser.parse_args(words)
    seed = random.randrange(10**6) if args.seed is None else args.seed
    began = time.monotonic()
    print(f"seed {seed}", flush=True)
    report = Soak(args.minutes, seed, lambda text: print(f"{time.monotonic() - began:7.1f}s  {text}", flush=True)).run()
    print(report.table())
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
