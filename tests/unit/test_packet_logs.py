"""Which packets are told of, what a line says, and the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.fakes.objects import OUT, allow, default_group, group, ip, network, port, port_id
from tests.fakes.switch import FakeSwitch

from heddle.agent.logged_flows import METER
from heddle.agent.packet_logs import stamp
from heddle.agent.roles.switch_logs import SwitchLogs
from heddle.config import load
from heddle.errors import ConfigError
from heddle.host.flow_meters import PACKETS, Meter
from heddle.host.log_file import LogFile
from heddle.host.packets import Packet, of_frame, of_packet
from heddle.view.types import LogView, Ref

UDP = "4500001c000100004011000a0a000001" + "0a000002" + "1f9000350008" + "0000"
SIX = "fd" + "00" * 15 + "fd" + "00" * 14 + "01"


class Ins:
    """Stands for `PacketIns`: a test tells of packets."""

    made: list[Ins] = []

    def __init__(self, folder: Path, bridge: str, take: Any, on_gap: Any) -> None:
        self.take, self.closed = take, False
        Ins.made.append(self)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _no_vswitchd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SwitchLogs, "make_packet_ins", Ins)


def switch(folder: Path) -> FakeSwitch:
    made = FakeSwitch(f"paths.log={folder}")
    made.cloud.put(network(), default_group(), group("web", *OUT, allow(protocol=17, ports=(53, 53), remote="default")))
    made.cloud.port(port(1))
    made.cloud.port(port(2, ("web",)))
    made.plug(1, 2)
    made.sync()
    return made


def told(made: FakeSwitch) -> list[str]:
    return [line for line in made.dump() if "controller" in line]


def test_only_ports_with_logs_are_told_of_within_a_meter(tmp_path: Path) -> None:
    made = switch(tmp_path)
    before = made.dump()
    assert not told(made) and METER not in made.meters.there and not list(tmp_path.iterdir())
    made.cloud.put(LogView(id="l", event="DROP", project_id="p", port_id=port_id(2)))
    made.sync()
    assert made.meters.there[METER] == Meter(PACKETS, 100, 25)
    drops = told(made)
    number = made.role._wiring.ports[port_id(2)].number
    assert drops and all(f"reg5={number}," in line for line in drops) and not any("reg12" in x for x in made.dump())
    assert set(before) < set(made.dump()), "the other flows are as they were"
    made.cloud.put(LogView(id="l2", event="ACCEPT", project_id="p", group_id="web"))
    made.sync()
    assert len(told(made)) == len(drops) + 2 and made.state_of(2) == "up"
    made.cloud.remove(Ref("log", "l"), Ref("log", "l2"))
    made.sync()
    assert made.dump() == before and METER not in made.meters.there and Ins.made[-1].closed
    assert (tmp_path / "packets.log").read_text(encoding="utf-8").endswith(" event=STOP\n")


def test_a_host_without_meters_says_that_nothing_is_logged(tmp_path: Path) -> None:
    made = switch(tmp_path)
    before = made.dump()
    made.meters.refuse = "none to have"
    made.cloud.put(LogView(id="l", event="ALL", project_id="p", port_id=port_id(2)))
    made.sync()
    assert made.state_of(2) == "error" and "its packets are not logged: none to have" in made.fault("port", port_id(2))
    assert made.dump() == before
    made.meters.refuse = ""
    made.sync(whole=True)
    assert made.state_of(2) == "up" and told(made)


def test_a_line_names_the_rules_of_members_as_they_come_and_go(tmp_path: Path) -> None:
    made = switch(tmp_path)
    made.cloud.put(LogView(id="l", event="ALL", project_id="p", port_id=port_id(2)))
    made.sync()
    logs = made.role._policed._logs.writer._logs
    (number,) = logs._ports
    packet = Packet(17, ip(1), ip(2), 4000, 53, has_ports=True)
    rule = allow(protocol=17, ports=(53, 53), remote="default").id
    line = logs.line(number, "ingress", "ACCEPT", packet, 0.0)
    assert f" security_group=web rule={rule} protocol=udp source={ip(1)} " in line
    assert line.startswith("1970-01-01T00:00:00.000000Z event=ACCEPT direction=ingress log=l ")
    made.cloud.remove_port(port_id(1))
    made.sync()
    assert " security_group=- rule=- " in logs.line(number, "ingress", "ACCEPT", packet, 0.0)
    assert logs.line(7, "ingress", "ACCEPT", packet, 0.0) == ""


@pytest.mark.parametrize(("data", "expected"), [
    (UDP, Packet(17, "10.0.0.1", "10.0.0.2", 8080, 53, has_ports=True)),
    (UDP[:12] + "0010" + UDP[16:], Packet(17, "10.0.0.1", "10.0.0.2")),
    (UDP[:18] + "01" + UDP[20:40] + "0800", Packet(1, "10.0.0.1", "10.0.0.2", kind=8)),
    (f"6000000000103aff{SIX}8000", Packet(58, "fd00::", "fd00::1", kind=128)),
    (f"6000000000100040{SIX}110000000000000000350036",
     Packet(17, "fd00::", "fd00::1", 53, 54, has_ports=True)),
    (UDP[:30], None), ("", None),
])  # fmt: skip
def test_heads_of_packets(data: str, expected: Packet | None) -> None:
    assert of_packet(bytes.fromhex(data)) == expected
    assert of_frame(bytes(12) + bytes.fromhex("0800" if data[:1] != "6" else "86dd") + bytes.fromhex(data)) == expected
    assert of_frame(bytes(12) + bytes.fromhex("0806" + data)) is None


def test_the_file_is_made_anew_when_it_was_moved_and_tells_gaps_and_losses(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "packets.log"
    file = LogFile(path, stamp)
    file.begin()
    file.write(["one"])
    path.rename(tmp_path / "old")
    file.touch()
    assert path.read_text(encoding="utf-8") == ""
    file.write(["two"])
    file.end()
    file.close()
    file.begin()
    assert "event=GAP" not in path.read_text(encoding="utf-8"), "the end had been told"
    file.close()
    LogFile(path, stamp).begin()
    last = path.read_text(encoding="utf-8").splitlines()[-1]
    assert "event=GAP since=" in last and last.endswith("reason=not_listening")
    assert (tmp_path / "old").read_text(encoding="utf-8").endswith("event=START\none\n")
    path.unlink()
    path.mkdir()
    file.write(["lost", "lost too"])
    path.rmdir()
    file.write(["three"])
    text = path.read_text(encoding="utf-8").splitlines()
    assert text[0].endswith(" event=LOST lines=2") and text[1:] == ["three"] and (file.written, file.lost) == (3, 2)


@pytest.mark.parametrize("setting", ["rate_limit=99", "burst_limit=24", "rate_limit=x"])
def test_limits_are_checked(setting: str) -> None:
    with pytest.raises(ConfigError, match=f"network_log.{setting.partition('=')[0]}"):
        load(overrides=[f"network_log.{setting}"], environ={}, file=None)
    assert load(overrides=[], environ={"HEDDLE_NETWORK_LOG_RATE_LIMIT": "200"}, file=None).network_log.rate_limit == 200
