"""How the figures of a simulation are printed, beside what is wanted of them."""

from __future__ import annotations

from heddle.simulate.run import Figures

APPLIED_MS, HOST_SECONDS = 2000, 1.0


def text(figures: Figures) -> list[str]:
    ports = figures.ports / figures.hosts
    load = ", ".join(f"{value:.1f} {when}" for when, value in figures.load.items())
    return [
        f"{figures.hosts} hosts, {figures.ports} ports, {figures.members} of them in one group",
        f"machine's load over a minute: {load}; each host looks at everything every {figures.resync_seconds:.0f} s",
        f"all ports made in {figures.fill_seconds:.1f} s; {figures.active_ports} ACTIVE at the end",
        f"cold start of all agents {figures.cold_start_seconds:.1f} s",
        f"cold start of one host of {ports:.0f} ports {figures.cold_start_host_seconds:.2f} s"
        f"{_beside(figures.cold_start_host_seconds <= HOST_SECONDS, f'<= {HOST_SECONDS:g} s')}",
        f"memory: {figures.agent_kilobytes / 1024:.1f} MB per agent with {figures.view_objects:.0f} objects in its "
        f"view, {figures.server_kilobytes / 1024:.0f} MB of the servers",
        "",
        f"{'':12}{'times':>7}{'hosts':>7}{'p50 ms':>8}{'p99 ms':>8}{'wakes':>8}{'fetches':>9}{'reports':>9}"
        f"{'bytes':>10}",
        *(_line(name, figures) for name in figures.changes),
        "",
        "processor time of one change, in ms: " + "; ".join(
            f"{name}: agents {change.agents_cpu:.0f}, servers {change.servers_cpu:.0f}"
            for name, change in figures.changes.items()
        ),
    ]


def _line(name: str, figures: Figures) -> str:
    change = figures.changes[name]
    wakes, fetches, reports = (change.messages[kind] for kind in ("wake", "fetch", "report"))
    p99 = change.percentile(0.99)
    return (
        f"{name:12}{len(change.milliseconds):>7}{change.hosts:>7}{change.percentile(0.5):>8}{p99:>8}"
        f"{wakes:>8.1f}{fetches:>9.1f}{reports:>9.1f}{change.bytes:>10,.0f}"
        f"{_beside(p99 <= APPLIED_MS, f'p99 <= {APPLIED_MS} ms')}"
    )


def _beside(holds: bool, wanted: str) -> str:
    return f"  wanted {wanted}: {'ok' if holds else 'MISSED'}"
