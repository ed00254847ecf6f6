"""`heddle down` on a host with things of Heddle's and of others: it leaves exactly what was there before."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real.testhost import TestHost, wait_until

from heddle.host.metadata import MODULE

pytestmark = pytest.mark.real

OTHERS = """
set -e
ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev -- add-br br-ex2
ip netns add qrouter-of-another
ip netns add qfip-of-another
ip link add tapothers type veth peer name tapothersb
nft add table inet filter
ip link add card0 type veth peer name card1
ovs-vsctl add-port br0 card0 -- add-port br0 card1 -- set Port card1 qos=@q -- --id=@q create QoS type=linux-noop
tc qdisc add dev card1 root handle 7: htb default 1
"""

OURS = """
set -e
for b in br-int br-tun br-ex; do ovs-vsctl add-br $b -- br-set-external-id $b heddle bridge; done
for n in qrouter-1 qfip-1 qdhcp-1 heddle-guest-a heddle-outside; do
    ip netns add $n; ip -n $n link set lo alias heddle up
done
ip link add tap12345678-90 type veth peer name eth0 netns heddle-guest-a
ip link add fg-12345678-90 type veth peer name eth0 netns qfip-1
ovs-vsctl add-port br-int tap12345678-90 -- add-port br-int fg-12345678-90
nft add table netdev heddle_ovs
nft add table ip heddle-test
ovs-vsctl set Port card0 qos=@q -- --id=@q create QoS type=linux-noop external_ids:heddle=queues
tc qdisc add dev card0 root handle 4ed: htb default 1
ip netns exec qdhcp-1 sleep 600 >/dev/null 2>&1 &
mkdir -p /run/netns-config
"""

LOOK = "ovs-vsctl list-br; ip netns list; ip -o link | cut -d: -f2; nft list tables; ls -d /etc/netns/* || true; "
LOOK += "tc qdisc; ovs-vsctl --bare --columns=external_ids,type list QoS; ovs-vsctl --bare --columns=name,qos list Port"


@pytest.fixture
def host() -> Iterator[TestHost]:
    made = TestHost("down1")
    yield made
    made.stop()


def settings(root: Path) -> list[str]:
    words = ["--set", "server.user="]
    for name in ("state", "run", "log"):
        words += ["--set", f"paths.{name}={root}/{name}"]
    return words


def heddle(host: TestHost, root: Path, *command: str) -> str:
    return host.run(sys.executable, "-m", "heddle.cli.main", *settings(root), *command)


def test_it_removes_what_is_ours_and_nothing_else(host: TestHost, tmp_path: Path) -> None:
    host.run("sh", "-c", OTHERS)
    before = host.run("sh", "-c", LOOK)
    host.run("sh", "-c", OURS)
    made = tmp_path / "openrc-blue"
    made.write_text("secret")
    kept = tmp_path / "mine"
    kept.write_text("mine")
    for name in ("state", "state-host", "run", "log"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".heddle").write_text("")
    (tmp_path / "state-host" / "made.json").write_text(json.dumps({"users": [], "files": [str(made)]}))
    (tmp_path / "run" / "metadata").mkdir()
    serving = host.popen(sys.executable, "-m", MODULE, str(tmp_path / "run" / "metadata"))
    wait_until((tmp_path / "run" / "metadata" / "control").exists, 10, "the metadata process listens")
    said = heddle(host, tmp_path, "down", "--yes")
    assert host.run("sh", "-c", LOOK) == before
    assert serving.wait(5) == 0 and "the metadata process" in said
    assert "qrouter-1" in said and "qfip-1" in said and "br-int" in said and "sleep 600" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
    assert "nothing of Heddle" in heddle(host, tmp_path, "down", "--yes")
    assert host.run("sh", "-c", LOOK) == before


HALVES = (
    "ip netns add qdhcp-2; ip -n qdhcp-2 link set lo alias heddle",
    "mkdir -p /run/netns; touch /run/netns/qrouter-3",
    "ovs-vsctl add-br br-tun -- br-set-external-id br-tun heddle bridge",
)


@pytest.mark.parametrize("half", HALVES)
def test_what_is_half_there_goes_too(host: TestHost, tmp_path: Path, half: str) -> None:
    host.run("sh", "-c", OTHERS)
    before = host.run("sh", "-c", LOOK)
    host.run("sh", "-c", half)
    heddle(host, tmp_path, "down", "--yes")
    assert host.run("sh", "-c", LOOK) == before


def test_a_folder_that_is_not_ours_stays(host: TestHost, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "precious").write_text("x")
    heddle(host, tmp_path, "down", "--yes")
    assert (tmp_path / "state" / "precious").read_text() == "x"


def test_without_open_vswitch_the_rest_still_goes(tmp_path: Path) -> None:
    host = TestHost("down2", ovs=False)
    try:
        host.sh("ip netns add qrouter-1; ip -n qrouter-1 link set lo alias heddle; nft add table ip heddle")
        heddle(host, tmp_path, "down", "--yes")
        assert host.run("ip", "netns", "list") == "" and host.run("nft", "list", "tables") == ""
    finally:
        host.stop()
