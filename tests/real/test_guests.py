"""`heddle guest`, on a real host with the real agent; the API behind it is a fake."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes import l3
from tests.fakes.api import PASSWORD
from tests.real.lab import L3Lab, l3_lab

from heddle.view.types import AssignmentView, GroupView, RuleView

pytestmark = pytest.mark.real

PORT = 9696
FREE = l3.port(0x10, "n1", {"s1": "10.0.0.10"}, security_groups=["open"])
BY_HAND = l3.port(0x11, "n1", {"s1": "10.0.0.11"}, security_groups=["open"])
OPEN = GroupView(id="open", rules=[RuleView(id=each, direction=each, ethertype=4) for each in ("ingress", "egress")])


def api_port(name: str, number: int, address: str, **more: str) -> dict[str, object]:
    fixed = [{"subnet_id": "s1", "ip_address": address}]
    own = {"id": l3.uuid(number), "name": name, "mac_address": l3.mac(number), "network_id": "n1", "fixed_ips": fixed}
    return {**own, "device_owner": "", "device_id": "", "binding:host_id": "", **more}


OBJECTS = {
    "networks": [{"id": "n1", "mtu": 1450}],
    "subnets": [{"id": "s1", "network_id": "n1", "cidr": "10.0.0.0/24", "ip_version": 4, "gateway_ip": "10.0.0.1",
                 "enable_dhcp": True}],
    "ports": [
        api_port("web", 0x10, "10.0.0.10"), api_port("hand", 0x11, "10.0.0.11"),
        api_port("taken", 0x12, "10.0.0.12", device_owner="compute:nova", device_id="vm"),
        api_port("gate", 0x13, "10.0.0.1", device_owner="network:router_interface", device_id="r"),
    ],
}  # fmt: skip


class Guests:
    def __init__(self, lab: L3Lab) -> None:
        self.lab = lab

    def __call__(self, *words: str, check: bool = True) -> str:
        auth = {"AUTH_URL": f"http://127.0.0.1:{PORT}/v3", "USERNAME": "admin", "PASSWORD": PASSWORD,
                "PROJECT_NAME": "admin"}  # fmt: skip
        environment = [f"OS_{name}={value}" for name, value in auth.items()]
        command = [sys.executable, "-m", "heddle.cli.main", "--set", "agent.host=host1", "guest", *words]
        return self.lab.host.run("env", "-u", "OS_CLOUD", *environment, *command, check=check)


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guests]:
    with l3_lab() as lab:
        lab.cloud.put(
            OPEN, l3.network("n1"), l3.subnet("s1", "n1", "10.0.0.0/24", "10.0.0.1"),
            AssignmentView(id="dhcp/n1", role="dhcp", object_id="n1"),
        )  # fmt: skip
        lab.cloud.port(l3.dhcp_port(2, "n1", {"s1": "10.0.0.2"}))
        lab.cloud.port(FREE)
        lab.cloud.port(BY_HAND)
        file = tmp_path_factory.mktemp("api") / "objects.json"
        file.write_text(json.dumps(OBJECTS), encoding="utf-8")
        lab.host.python(str(Path(__file__).parents[1] / "fakes" / "api.py"), str(PORT), str(file))
        lab.until(lambda: "LISTEN" in lab.host.run("ss", "-tln", f"sport = :{PORT}"), 10, "the API listens")
        yield Guests(lab)


def test_add_gets_its_address_by_dhcp(guests: Guests) -> None:
    text = guests("add", "web", "--port", "web")
    assert l3.uuid(0x10) in text and "10.0.0.10/24" in text
    assert guests.lab.cloud.state_of("port", l3.uuid(0x10)) == "up"
    shown = guests.lab.host.run("ovs-vsctl", "--columns=external_ids", "list", "Interface", f"tap{l3.uuid(0x10)[:11]}")
    for word in (f'iface-id="{l3.uuid(0x10)}"', "attached-mac=", "iface-status=active", "vm-id=web"):
        assert word in shown
    assert "10.0.0.2" in guests("exec", "web", "--", "cat", "/etc/resolv.conf")
    assert "mtu 1450" in guests("exec", "web", "ip", "link", "show", "eth0")


def test_add_again_changes_nothing(guests: Guests) -> None:
    guests("add", "web", "--port", "web")
    before = guests.lab.host.run("ovs-vsctl", "get", "Interface", f"tap{l3.uuid(0x10)[:11]}", "_uuid")
    guests("add", "web", "--port", l3.uuid(0x10))
    assert guests.lab.host.run("ovs-vsctl", "get", "Interface", f"tap{l3.uuid(0x10)[:11]}", "_uuid") == before


def test_add_by_hand_reaches_the_other(guests: Guests) -> None:
    guests("add", "web", "--port", "web")
    assert "10.0.0.11/24" in guests("add", "hand", "--port", "hand", "--no-dhcp")
    assert "1 received" in guests("exec", "hand", "--", "ping", "-c1", "-W2", "10.0.0.10")
    assert {line.split()[0] for line in guests("list").splitlines()} == {"web", "hand"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "x", "--port", "none"], "there is no port with the name or id 'none'"),
        (["add", "x", "--port", "taken"], "is in use by compute:nova vm"),
        (["add", "x", "--port", "gate"], "is the cloud's own (network:router_interface)"),
        (["add", "No Name", "--port", "web"], "guest name 'No Name': use at most 40 lower-case"),
        (["delete", "nobody"], "there is no guest 'nobody' on this host"),
        (["exec", "nobody", "true"], "there is no guest 'nobody' on this host"),
    ],
)
def test_errors_say_what_to_do(guests: Guests, words: list[str], said: str) -> None:
    assert said in guests(*words, check=False)


def test_delete_leaves_nothing(guests: Guests) -> None:
    guests("add", "web", "--port", "web")
    guests.lab.host.popen("ip", "netns", "exec", "heddle-guest-web", "sleep", "100")
    guests("delete", "web")
    assert not guests.lab.has_space("heddle-guest-web")
    assert f"tap{l3.uuid(0x10)[:11]}" not in guests.lab.host.run("ovs-vsctl", "show")
    assert not Path("/etc/netns/heddle-guest-web").exists()
    guests("add", "web", "--port", "web")
    guests("delete", "web")
