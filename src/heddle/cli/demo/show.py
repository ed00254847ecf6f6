"""The demo from its beginning to its end."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heddle.cli import up
from heddle.cli.demo import build, guests, outside
from heddle.cli.demo.access import TENANTS, Access
from heddle.cli.demo.plan import PLAN, Change
from heddle.cli.demo.probes import Bench
from heddle.cli.demo.progress import DemoFailed, Progress
from heddle.cli.demo.table import Result, render
from heddle.cli.layout import Layout
from heddle.cli.supervisor import holder
from heddle.config import Settings
from heddle.errors import HeddleError

START_SECONDS, BRIDGE_SECONDS = 60.0, 20.0


def show(args: argparse.Namespace, settings: Settings) -> int:
    """Returns 0 when every row is as expected."""
    progress = Progress()
    layout = Layout(settings)
    _start(args, layout, progress)
    access = Access(layout)
    with _explained(layout):
        lab = _build(access, layout, args, progress)
        results = _check(lab, progress)
    files = access.write_files(Path.cwd())
    print(f"\n{render(results)}\n")
    return _conclude(results, settings, files)


def _start(args: argparse.Namespace, layout: Layout, progress: Progress) -> None:
    with progress.step("Heddle: server and agent") as notes:
        if not (holder(layout.lock) and up.answers(layout.settings)):
            wait = START_SECONDS * args.patience
            options = argparse.Namespace(**{**vars(args), "detach": True, "wait": wait, "supervised": False})
            if up.start_quietly(options, layout) != 0:
                raise DemoFailed("Heddle could not be started: the lines above say why, and how to mend it")
        notes.append(f"{layout.settings.public_url}, process {holder(layout.lock)}, logs in {layout.log}")


@contextmanager
def _explained(layout: Layout) -> Iterator[None]:
    """Errors of the client become one line that says where to look."""
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    try:
        yield
    except (SDKException, ClientException) as error:
        raise DemoFailed(f"the API refused: {error}. The request is in {layout.log_file('server')}; "
                         "`make down` and `make demo` start from nothing") from error  # fmt: skip


def _build(access: Access, layout: Layout, args: argparse.Namespace, progress: Progress) -> build.Lab:
    settings = layout.settings
    with progress.step("administrator: projects, users, the external network public") as notes:
        admin = access.connect("admin")
        passwords = {tenant: access.clouds[tenant].password for tenant in TENANTS}
        projects = build.tenants(admin, passwords)
        build.public(admin)
        build.vlan_for_red(admin, projects["red"])
        notes.append(f"VLAN {build.VLAN} for red")
    lab = build.Lab(admin, args.patience)
    lab.tenants = {tenant: access.connect(tenant) for tenant in TENANTS}
    with progress.step("blue: networks front and back, router, security group"):
        build.networks(lab, "blue", {"front": "10.0.0.0/24", "back": "10.0.1.0/24"})
        build.web_group(lab)
    with progress.step("red: network lan with the same 10.0.0.0/24, router"):
        build.networks(lab, "red", {"lan": "10.0.0.0/24"})
    with progress.step("ports, floating IP") as notes:
        build.guest_ports(lab)
        build.floating_ip(lab)
        build.close_web(lab)
        notes.append(lab.floating.floating_ip_address)
    with progress.step("the outside, behind br-ex"):
        _outside(settings, BRIDGE_SECONDS * args.patience)
    with progress.step("guests with addresses by DHCP") as notes:
        notes.extend(guests.add(lab, up.same_settings(args)))
    with progress.step("all ports ACTIVE"):
        guests.wait_until_active(lab)
    return lab


def _outside(settings: Settings, seconds: float) -> None:
    """The agent makes the bridge; it may have started a moment ago."""
    bridges = dict(mapping.rpartition(":")[::2] for mapping in settings.agent.bridge_mappings)
    if build.PHYSNET not in bridges:
        raise DemoFailed(f"agent.bridge_mappings has no bridge for {build.PHYSNET!r}: add {build.PHYSNET}:br-ex")
    deadline = time.monotonic() + seconds
    while True:
        try:
            return outside.ensure(bridges[build.PHYSNET], settings.agent.ovsdb)
        except DemoFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _check(lab: build.Lab, progress: Progress) -> list[Result]:
    results: list[Result] = []
    bench = Bench(lab)
    try:
        with progress.step("checking with packets") as notes:
            for item in PLAN:
                if isinstance(item, Change):
                    item.make(lab)
                else:
                    progress.now(f"checking with packets: {item.sender} to {item.to}, {item.protocol}")
                    results.append(item.check(bench, item))
            notes.append(f"{len(results)} expectations")
    finally:
        bench.close()
        build.close_web(lab)
    return results


def _conclude(results: list[Result], settings: Settings, files: list[Path]) -> int:
    wrong = [result for result in results if not result.good]
    if wrong:
        first = wrong[0]
        raise HeddleError(
            f"{len(wrong)} of {len(results)} expectations were not met, marked (!) above; the first: {first.sender} to "
            f"{first.to}, {first.protocol}: {first.seen} instead of {first.expected}. The agent's log is in "
            f"{settings.paths.log}/agent.log"
        )
    print(f"All {len(results)} expectations met. It keeps running; what next:\n")
    print("  . ./openrc-blue && openstack network list      # or OS_CLOUD=blue, red, admin")
    print("  .venv/bin/heddle guest exec blue-a -- ping -c 3 10.0.1.13")
    print("  .venv/bin/heddle status")
    print("  make down                                      # removes everything again")
    return 0
