"""Packets that logs ask for are written down by their host, on each data plane; those of other ports are not."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.objects import OUT, allow, group, ip, mac, network, port, port_id
from tests.real.bridgehost import BridgeHost
from tests.real.conftest import Lab
from tests.real.planes import PLANES, plane_lab
from tests.real.sctp_frames import ACKNOWLEDGED, SCTP, frame
from tests.real.testhost import wait_until
from tests.real.traffic import connects, listening, send, udp

from heddle.host.nft_print import parts
from heddle.view.types import FixedIp, LogView, Ref

SIX = {number: f"fd00::{number}" for number in (1, 2, 3)}
WEB = allow(protocol=6, ports=(80, 80))
WEB6 = allow(protocol=6, ports=(80, 80), ethertype=6)


class Written:
    """The lines of the file that a host writes, as dictionaries."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self, **wanted: str) -> list[dict[str, str]]:
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        every = [dict(re.findall(r"(\w+)=(\S+)", line)) | {"time": line.split()[0]} for line in text.splitlines()]
        return [each for each in every if wanted.items() <= each.items()]

    def wait(self, count: int = 1, **wanted: str) -> list[dict[str, str]]:
        """Until there are so many such lines."""
        wait_until(lambda: len(self.lines(**wanted)) >= count, 5, f"{count} x {wanted}: {self.lines()[-12:]}")
        return self.lines(**wanted)


class Made:
    def __init__(self, lab: Lab, written: Written) -> None:
        self.lab, self.host, self.written = lab, lab.host, written

    def rules(self) -> list[str]:
        """What there is for packets."""
        if isinstance(self.host, BridgeHost):
            tables = (("nft", "-s", "list", "table", family, "heddle_ports") for family in ("bridge", "inet"))
            return [part for each in tables for part in parts(self.host.run(*each))]
        return self.lab.flows()

    def log(self, name: str, event: str = "ALL", port: int = 0, group: str = "") -> None:
        view = LogView(id=name, event=event, project_id="project-of-net-a", port_id=port_id(port) if port else "",
                       group_id=group)  # fmt: skip
        self.lab.cloud.put(view)
        wait_until(lambda: self.lab.cloud.reports[-1].revision >= self.lab.cloud.revision, 5, "the log has come")

    def remove(self, *names: str) -> None:
        self.lab.cloud.remove(*(Ref("log", name) for name in names))
        wait_until(lambda: self.lab.cloud.reports[-1].revision >= self.lab.cloud.revision, 5, "the logs are gone")


@pytest.fixture(scope="module", params=PLANES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp(f"logs-{request.param}")
    settings = (f"paths.log={folder}/log", "agent.resync_seconds=600", "agent.audit_seconds=600",
                "agent.report_seconds=0.5")  # fmt: skip
    with plane_lab(request.param, folder, *settings) as lab:
        plain = group("plain", *OUT, WEB, WEB6, stateful=False)
        lab.cloud.put(network(), group("open", *OUT), group("web", *OUT, WEB, WEB6), plain)
        for number, name in ((1, "open"), (2, "web"), (3, "web")):
            ips = [FixedIp("s4", ip(number)), FixedIp("s6", SIX[number])]
            lab.cloud.port(port(number, (name,), fixed_ips=ips))
            lab.plug(number, f"{ip(number)}/16", f"{SIX[number]}/64")
        lab.wait_up(1, 2, 3)
        yield Made(lab, Written(folder / "log" / "packets.log"))


@pytest.mark.parametrize("version", (4, 6))
def test_what_rules_accept_and_drop_is_written_of_logged_ports_only(made: Made, version: int) -> None:
    to = ip(2) if version == 4 else SIX[2]
    other = ip(3) if version == 4 else SIX[3]
    source = ip(1) if version == 4 else SIX[1]
    made.log("all", port=2)
    with listening(made.host, "g2", 80), listening(made.host, "g3", 80):
        assert connects(made.host, "g1", to, 80) and connects(made.host, "g1", other, 80)
        assert not connects(made.host, "g1", to, 90) and not connects(made.host, "g1", other, 90)
    (accepted,) = made.written.wait(event="ACCEPT", destination=to, destination_port="80")
    rule = WEB if version == 4 else WEB6
    assert accepted.items() >= {
        "log": "all", "port": port_id(2), "project": "project-of-net-a", "security_group": "web", "rule": rule.id,
        "direction": "ingress", "protocol": "tcp", "source": source,
    }.items() and accepted["source_port"].isdecimal()  # fmt: skip
    dropped = made.written.wait(event="DROP", destination=to, destination_port="90")[0]
    assert dropped.items() >= {"log": "all", "rule": "-", "direction": "ingress", "port": port_id(2)}.items()
    made.host.pings("g1", to, wait=0.5)
    echo = made.written.wait(event="DROP", protocol="icmp" if version == 4 else "icmpv6", destination=to)[0]
    assert (echo["type"], echo["code"]) == (("8" if version == 4 else "128"), "0")
    assert not made.written.lines(destination=other)
    assert {each["port"] for each in made.written.lines(log="all")} == {port_id(2)}
    made.remove("all")
    before = len(made.written.lines(event="ACCEPT"))
    with listening(made.host, "g2", 80):
        assert connects(made.host, "g1", to, 80)
    made.log(f"again{version}", "ACCEPT", port=2)
    with listening(made.host, "g2", 80):
        assert connects(made.host, "g1", to, 80)
    made.written.wait(event="ACCEPT", log=f"again{version}")
    assert len(made.written.lines(event="ACCEPT")) == before + 1
    made.remove(f"again{version}")


def test_each_association_of_sctp_has_a_line(made: Made) -> None:
    """Also one between two addresses that have another, and one that is refused."""
    made.lab.cloud.put(group("web", *OUT, WEB, WEB6, allow(protocol=SCTP, ports=(80, 80))))
    made.log("sctp", port=2)
    for source_port in (1000, 1001):
        send(made.host, "g1", frame(1, 2, (source_port, 80)))
        made.written.wait(event="ACCEPT", log="sctp", source_port=str(source_port))
        send(made.host, "g2", frame(2, 1, (80, source_port), ACKNOWLEDGED))
        send(made.host, "g1", frame(1, 2, (1000, 81)))
    made.written.wait(2, event="DROP", log="sctp", destination_port="81")
    accepted = [(each["direction"], each["source_port"]) for each in made.written.lines(event="ACCEPT", log="sctp")]
    assert accepted == [("ingress", "1000"), ("ingress", "1001")]
    made.remove("sctp")
    made.lab.cloud.put(group("web", *OUT, WEB, WEB6))


def test_logs_of_groups_and_of_projects_share_a_line_and_both_ends_have_one(made: Made) -> None:
    made.log("a-group", "ACCEPT", group="web")
    made.log("b-project", "ACCEPT")
    others = LogView(id="d-others", event="ALL", project_id="another")
    made.lab.cloud.put(LogView(id="c-none", event="ALL", project_id="project-of-net-a", group_id="plain"), others)
    with listening(made.host, "g3", 80):
        assert connects(made.host, "g2", ip(3), 80) and connects(made.host, "g1", ip(3), 80)
    about = {"event": "ACCEPT", "destination": ip(3), "destination_port": "80"}
    (sent,) = made.written.wait(direction="egress", log="a-group,b-project", **about)
    assert (sent["port"], sent["rule"], sent["security_group"]) == (port_id(2), OUT[0].id, "web")
    received = made.written.wait(2, direction="ingress", log="a-group,b-project", **about)
    assert [(each["port"], each["rule"], each["source"]) for each in received] == [
        (port_id(3), WEB.id, ip(2)), (port_id(3), WEB.id, ip(1)),
    ]  # fmt: skip
    (other,) = made.written.wait(direction="egress", log="b-project", **about)
    assert (other["port"], other["security_group"]) == (port_id(1), "open")
    assert not [each for each in made.written.lines() if {"c-none", "d-others"} & set(each.get("log", "").split(","))]
    made.remove("a-group", "b-project", "c-none", "d-others")


def test_without_state_each_packet_has_a_line(made: Made) -> None:
    ips = [FixedIp("s4", ip(3)), FixedIp("s6", SIX[3])]
    made.lab.cloud.port(port(3, ("plain",), fixed_ips=ips))
    made.log("plain", "ALL", port=3)
    frames = [udp(mac(1), mac(3), ip(1), ip(3), "00" * 8, (4000, number)) for number in (90, 91)]
    send(made.host, "g1", *frames)
    with listening(made.host, "g3", 80):
        assert connects(made.host, "g1", SIX[3], 80)
    lines = made.written.wait(2, event="ACCEPT", log="plain", destination=SIX[3], destination_port="80", rule=WEB6.id)
    assert len({each["source_port"] for each in lines}) == 1
    dropped = made.written.wait(2, event="DROP", log="plain", source=ip(1))
    assert [each["destination_port"] for each in dropped] == ["90", "91"]
    made.remove("plain")
    made.lab.cloud.port(port(3, ("web",), fixed_ips=ips))


def test_more_than_the_host_may_write_is_counted(made: Made) -> None:
    made.log("many", "DROP", port=2)
    for first in range(5000, 5400, 100):  # no more at once than a device holds
        frames = (udp(mac(1), mac(2), ip(1), ip(2), "00" * 8, (4000, number)) for number in range(first, first + 100))
        send(made.host, "g1", *frames)

    def told() -> tuple[int, int]:
        kept_back = sum(int(each["packets"]) for each in made.written.lines(event="SUPPRESSED"))
        return len(made.written.lines(event="DROP", log="many")), kept_back

    wait_until(lambda: sum(told()) >= 400, 5, f"all are told: {told()}")
    written, kept_back = told()
    assert written + kept_back == 400 and written >= 25 and kept_back >= 100
    made.remove("many")
    made.written.wait(event="STOP")


def test_while_the_agent_is_away_packets_pass_unlogged_and_the_gap_is_told(made: Made) -> None:
    made.log("kept", port=2)
    with listening(made.host, "g2", 80):
        assert connects(made.host, "g1", ip(2), 80)
        made.written.wait(event="ACCEPT", log="kept")
        rules = made.rules()
        gaps = len(made.written.lines(event="GAP"))
        made.lab.agent.stop(signal.SIGKILL)
        assert connects(made.host, "g1", ip(2), 80)
        made.lab.agent.start()
        gap = made.written.wait(gaps + 1, event="GAP")[-1]
        assert gap["since"] < gap["time"] and gap["reason"] == "not_listening"
        assert connects(made.host, "g1", ip(2), 80)
        made.written.wait(2, event="ACCEPT", log="kept")
    assert made.rules() == rules
    old = made.written.path.rename(made.written.path.with_suffix(".1"))
    wait_until(made.written.path.exists, 5, "a new file is there")
    with listening(made.host, "g2", 80):
        assert connects(made.host, "g1", ip(2), 80)
    assert len(made.written.wait(event="ACCEPT", log="kept")) == 1 and "event=GAP" in old.read_text(encoding="utf-8")
    made.remove("kept")
