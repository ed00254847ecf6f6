"""How what hosts tell is judged: versions, clocks, disks, secrets, settings that go together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from heddle.checks import agreement, matrix
from heddle.checks.base import Finding, Level, unknown
from heddle.checks.configuration import secrets
from heddle.checks.environment import certificates, clock, disk, kernel, openvswitch, qemu, reboot
from heddle.checks.environment.clock import DatabaseClock
from heddle.checks.nodes import judged
from heddle.checks.programs import judge
from heddle.checks.told import Node, Nodes
from heddle.view.facts import Certificate, Disk, Facts, Fingerprint, HostSettings, Program

CLOUD = agreement.Cloud("openstacklocal", "fa:16:3e", 4, 75)


def node(name: str = "host1", **told: Any) -> Node:
    return Node(name, Facts(release="0.1.0", **told), 100.0, 100.5)


def levels(found: Any) -> list[Level]:
    return [each.level for each in found]


@pytest.mark.parametrize(
    ("key", "version", "level"),
    [
        ("kernel", "6.1.0-18-amd64", None), ("kernel", "5.16.0", Level.WARNING), ("kernel", "5.15.99", Level.FAILURE),
        ("kernel", "2.6.78-fc", Level.FAILURE), ("kernel", "", Level.UNKNOWN), ("kernel", "newest", Level.UNKNOWN),
        ("python", "3.11.2", None), ("python", "3.13.0rc1", None), ("python", "3.9.18", Level.FAILURE),
        ("openvswitch", "3.1.0", None), ("openvswitch", "2.17.9", Level.WARNING),
        ("openvswitch", "2.12.3", Level.FAILURE), ("openvswitch", "3.10.0", None),
        ("nftables", "1.0.0", Level.FAILURE), ("nftables", "1.0.5", Level.WARNING), ("nftables", "1.1.0", None),
        ("dnsmasq", "2.90", None), ("dnsmasq", "2.9", Level.WARNING), ("dnsmasq", "2.100test3", None),
        ("radvd", "2.18", Level.WARNING), ("radvd", "2.19", None),
    ],
)  # fmt: skip
def test_versions(key: str, version: str, level: Level | None) -> None:
    found = matrix.judged(key, version, "host1", "host1")
    assert (found.level if found else None) == level
    assert found is None or (found.node == "host1" and matrix.NEEDS[key].name in found.details)


@pytest.mark.parametrize(
    ("release", "level"),
    [
        ("5.14.0-427.13.1.el9_4.x86_64", Level.WARNING), ("5.14.0-427.el9.x86_64", Level.WARNING),
        ("4.18.0-553.el8_10.x86_64", Level.FAILURE), ("5.15.0-91-generic", Level.FAILURE),
        ("6.12.0-55.el10.x86_64", None),
    ],
)  # fmt: skip
def test_kernels_that_get_what_is_new_and_keep_their_number(release: str, level: Level | None) -> None:
    found = list(kernel.judge(node(kernel=release)))
    assert levels(found) == ([level] if level else [])
    assert all(("unless its distribution" in each.details) == (level == Level.WARNING) for each in found)


def test_the_matrix_is_in_order() -> None:
    """What is tried is never older than what is needed, and what is needed has a reason."""
    for need in matrix.NEEDS.values():
        assert matrix.numbers(need.tried) and bool(need.least) == bool(need.why)
        assert not need.least or not matrix.older(need.tried, need.least)


def test_a_program_that_is_missing_or_of_which_nothing_is_told() -> None:
    one = judge("dnsmasq")
    assert levels(one(node(programs=(Program(name="dnsmasq", version="2.90"),)))) == []
    (found,) = one(node(programs=(Program(name="dnsmasq", lack="dnsmasq cannot be started", missing=True),)))
    assert found.level == Level.FAILURE and "has no dnsmasq" in found.details
    for told in ((Program(name="dnsmasq", lack="has not ended within 2 s"),), ()):
        assert levels(one(node(programs=told))) == [Level.UNKNOWN]


@pytest.mark.parametrize(
    ("version", "running", "level", "says"),
    [
        ("3.1.0", "3.1.0", None, ""), ("3.3.0", "3.1.0", Level.WARNING, "3.1.0 runs, and 3.3.0 is installed"),
        ("3.3.0", "2.9.1", Level.FAILURE, "2.9.1"), ("2.17.9", "2.17.9", Level.WARNING, "2.17.9"),
        ("3.1.0", "", Level.UNKNOWN, "it is away"),
    ],
)  # fmt: skip
def test_the_switch_that_runs(version: str, running: str, level: Level | None, says: str) -> None:
    program = Program(name="openvswitch", version=version, running=running, running_lack="it is away")
    found = list(openvswitch.judge(node(programs=(program,))))
    assert levels(found) == ([level] if level else []) and all(says in each.details for each in found)


def machines(*versions: str) -> tuple[Node, ...]:
    """Hosts with a QEMU of that version, "" where it does not tell it."""
    return tuple(node(f"host{n}", programs=(Program(name="qemu", version=version, lack="" if version else "it hangs"),
                      Program(name="libvirt", version="9.0.0"))) for n, version in enumerate(versions, 1))  # fmt: skip


def test_qemu() -> None:
    assert levels(qemu.judge((node(),))) == [Level.NOT_APPLICABLE]
    (found,) = qemu.judge((node("host0"), *machines("7.2.9", "7.2.11")))
    assert found.level == Level.SUCCESS and "7.2.9 (libvirt 9.0.0) on host1" in found.evidence
    (found,) = qemu.judge(machines("7.2.9", "8.2.1", "8.2.1"))
    assert found.level == Level.WARNING and "8.2.1 (libvirt 9.0.0) on host2, host3" in found.details
    assert levels(qemu.judge(machines("7.2.9", ""))) == [Level.UNKNOWN]


def test_hosts_without_open_vswitch_are_not_asked_for_it() -> None:
    bridges, switch = (node(settings=HostSettings(data_plane=each)) for each in ("linuxbridge", "openvswitch"))
    assert not openvswitch.concerned(bridges) and openvswitch.concerned(switch) and openvswitch.concerned(node())


NOW = 1_000_000


@pytest.mark.parametrize(
    ("told", "level", "says"),
    [
        (NOW + 0.2, None, ""), (NOW + 6.3, None, ""), (NOW + 6.7, Level.WARNING, "5 s ahead of"),
        (NOW - 4.9, None, ""), (NOW - 5.1, Level.WARNING, "5 s behind"), (NOW + 3600, Level.FAILURE, "ahead of"),
        (NOW - 301, Level.FAILURE, "301 s behind"), (0, Level.UNKNOWN, "does not tell"),
    ],
)  # fmt: skip
def test_clocks(told: float, level: Level | None, says: str) -> None:
    """The database said its whole second at 100; the host was asked then, and had answered half a second later."""
    found = clock.judge(node(clock=told), DatabaseClock(NOW, 100.0, 100.0))
    assert levels(found) == ([level] if level else []) and all(says in each.details for each in found), found


def test_a_slow_answer_makes_no_clock_wrong() -> None:
    slow = Node("host1", Facts(release="0.1.0", clock=NOW + 6.0), 100.0, 106.0)
    assert clock.ahead(slow, DatabaseClock(NOW, 99.0, 100.0)) == 0
    late = Node("", Facts(release="0.1.0", clock=NOW - 7.0), 103.0, 103.0)
    assert clock.ahead(late, DatabaseClock(NOW, 99.0, 100.0)) == -10


def full(folder: str, device: int, used: int, inodes: int = 10) -> Disk:
    return Disk(folder=folder, device=device, used=used, size=100, inodes_used=inodes, inodes=100)


def test_disks_are_told_once_for_each_machine() -> None:
    nodes = (
        node("", boot="a", disks=(full("/state", 1, 95), full("/run", 2, 10))),
        node("host1", boot="a", disks=(full("/host", 1, 95), full("/other", 3, 75, inodes=91))),
        node("host2", boot="b", disks=(full("/host", 1, 95), Disk(folder="/gone", lack="cannot be looked at"))),
        node("host3", boot="c"),
    )
    once = set(disk.each_once(nodes))
    told = [each for one in nodes for each in disk.judge(one, once)]
    assert [(each.level, each.node, each.details.partition(" full")[0]) for each in told] == [
        (Level.FAILURE, "", "file system of /state 95 %"),
        (Level.WARNING, "host1", "host1: file system of /other 75 %"),
        (Level.FAILURE, "host1", "host1: inodes of /other 91 %"),
        (Level.FAILURE, "host2", "host2: file system of /host 95 %"),
        (Level.UNKNOWN, "host2", "host2: cannot be looked at"),
        (Level.UNKNOWN, "host3", "host3 does not tell of its file systems"),
    ]


@pytest.mark.parametrize(("start", "end", "level"), [(-9, 99, None), (-9, 9, Level.WARNING), (-9, -1, Level.FAILURE),
                                                     (1, 99, Level.FAILURE)])  # fmt: skip
def test_the_days_of_a_hosts_certificate(start: int, end: int, level: Level | None) -> None:
    now = datetime.now(UTC)
    starts, ends = ((now + timedelta(days=days)).timestamp() for days in (start, end))
    told = Certificate(setting="bus.ca_file", file="/ca.pem", subject="CN=x", starts=starts, ends=ends)
    found = list(certificates.judge(node(certificates=(told,)), now))
    assert levels(found) == ([level] if level else [])
    assert all(each.details.startswith("host1: bus.ca_file = /ca.pem: CN=x ") for each in found)


def test_a_reboot_is_told_of_each_machine_once() -> None:
    mine, host = node("", boot="a", reboot=("x",)), node("host1", boot="a", reboot=("x",))
    other = node("host2", boot="b", reboot=())
    assert [each.name for each in reboot._each_once(Nodes((mine, host, other), ())).hosts] == ["host1", "host2"]
    assert [each.name for each in reboot._each_once(Nodes((mine, other), ())).hosts] == ["", "host2"]
    inside = node("host3", boot="a", reboot=())
    assert [each.name for each in reboot._each_once(Nodes((mine, inside), ())).hosts] == ["", "host3"]
    assert levels(reboot.judge(host)) == [Level.WARNING] and levels(reboot.judge(other)) == []
    assert levels(reboot.judge(node("host3"))) == [Level.UNKNOWN]


def shared(**values: str) -> list[Finding]:
    told = [node(name, fingerprints=(Fingerprint(setting="metadata.shared_secret", value=each),))
            for name, each in values.items()]  # fmt: skip
    return secrets.judge(secrets.sharing([*told, node("without")]))


def test_secrets() -> None:
    assert shared() == shared(host1="a") == shared(host1="a", host2="a") == []
    (found,) = shared(host1="b", host2="a", host3="a")
    assert found.level == Level.FAILURE and found.node == "host1"
    assert found.details == "metadata.shared_secret is one on host2, host3, and another on host1"
    (found,) = shared(host1="a", host2="b")
    assert found.node == ""
    (found,) = shared(host1="a", host2="b", host3="c")
    assert found.details == "metadata.shared_secret is one on host1, and another on host2; another on host3"


def host(**more: Any) -> HostSettings:
    return HostSettings(**{
        "data_plane": "openvswitch", "roles": ("switch", "router", "dhcp", "metadata"), "report_seconds": 15.0,
        "ha_port": 9697, "ha_dead_seconds": 0.7, "ha_preempt": False, "dns_domain": "openstacklocal",
        "base_mac": "fa:16:3e",
        "isolated_networks": True, "asks_nova": False, **more,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("other", "level", "says"),
    [
        ({}, None, ""), ({"data_plane": "linuxbridge", "roles": ("switch",)}, None, ""), ({"ha_port": None}, None, ""),
        ({"ha_port": 9698}, Level.FAILURE, "agent.ha_port: 9697 on host1, host3; 9698 on host2: hosts do not hear"),
        ({"ha_port": 9698, "roles": ("switch",)}, None, ""), ({"ha_port": 9698, "tunnel_ip": ""}, None, ""),
        ({"ha_dead_seconds": 2.0}, Level.WARNING, "agent.ha_dead_seconds: 0.7 on host1, host3; 2.0 on host2"),
        ({"ha_preempt": True}, Level.WARNING, "agent.ha_preempt: false on host1, host3; true on host2"),
        ({"dns_domain": ""}, Level.WARNING, "openstacklocal on host1, host3, this server; empty on host2"),
        ({"base_mac": "fa:16:3b"}, Level.WARNING, "base_mac: fa:16:3e on host1, host3, this server; fa:16:3b on host2"),
        ({"base_mac": None}, None, ""), ({"base_mac": "fa:16:3b", "roles": ("dhcp",)}, None, ""),
        ({"isolated_networks": False}, Level.WARNING, "metadata.isolated_networks: true on host1, host3; false on"),
        ({"asks_nova": True}, Level.FAILURE, "metadata.nova_host is set: false on host1, host3; true on host2"),
        ({"tunnel_ip": "10.0.0.1"}, Level.FAILURE, "agent.tunnel_ip is 10.0.0.1 on host1, host2"),
        ({"tunnel_ip": "fd00::2"}, Level.FAILURE, "of host2 is of IPv6, and network.overlay_ip_version is 4"),
        ({"tunnel_ip": "10.0.0"}, Level.FAILURE, "of host2 is '10.0.0', which is no address"),
        ({"report_seconds": 37.0}, None, ""), ({"report_seconds": 40.0}, Level.FAILURE, "agent.report_seconds of host2")
    ],
)  # fmt: skip
def test_settings_that_go_together(other: dict[str, Any], level: Level | None, says: str) -> None:
    told = [(f"host{n}", host(**{"tunnel_ip": f"10.0.0.{n}", **(other if n == 2 else {})})) for n in (1, 2, 3)]
    found = agreement.judge(told, CLOUD)
    assert levels(found) == ([level] if level else []) and all(says in each.details for each in found), found


def test_the_server_has_another_domain_than_all_hosts() -> None:
    other = agreement.Cloud("example.org", "fa:16:3e", 4, 75)
    (found,) = agreement.judge([("host1", host()), ("host2", host())], other)
    assert "openstacklocal on host1, host2; example.org on this server" in found.details and found.node == ""


def test_what_is_unseen_is_no_success() -> None:
    lack = unknown("host2 could not be asked: no answer within 4 s", node="host2")
    praise = lambda seen: Finding(Level.SUCCESS, "well")  # noqa: E731
    good = node(kernel="6.1.0")
    assert levels(judged(Nodes((good,), ()), kernel.judge, praise)) == [Level.SUCCESS]
    assert levels(judged(Nodes((good,), (lack,)), kernel.judge, praise)) == [Level.SUCCESS, Level.UNKNOWN]
    assert levels(judged(Nodes((), (lack,)), kernel.judge, praise)) == [Level.UNKNOWN]
    both = judged(Nodes((node(kernel="4.19"),), (lack,)), kernel.judge, praise)
    assert levels(both) == [Level.FAILURE, Level.UNKNOWN]
    assert levels(judged(Nodes((), ()), kernel.judge, praise)) == [Level.NOT_APPLICABLE]
    assert levels(judged(Nodes((good,), ()), kernel.judge, praise, lambda _: False)) == [Level.NOT_APPLICABLE]


def test_what_one_host_tells_that_is_odd_hides_no_other() -> None:
    now = datetime.now(UTC)
    old, odd = (node(name, certificates=(Certificate(setting="bus.ca_file", file="/ca.pem", ends=ends),))
                for name, ends in (("host1", 1.0), ("host2", 1e300)))  # fmt: skip
    found = judged(Nodes((odd, old), ()), lambda each: certificates.judge(each, now), lambda seen: unknown("unused"))
    assert [(each.level, each.node) for each in found] == [(Level.UNKNOWN, "host2"), (Level.FAILURE, "host1")]
    long = node("host3", kernel="9" * 5000)
    assert levels(judged(Nodes((long,), ()), kernel.judge, lambda seen: unknown("unused"))) == [Level.UNKNOWN]
