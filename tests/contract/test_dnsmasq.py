"""dnsmasq as the DHCP role uses it: the fake and the real one keep the same contract.

The real part runs in another process with network, mount and pid namespaces of its own, so that nothing is left of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.inside import OWN_PROCESSES, run_inside
from tests.fakes.kernel import FakeKernel

from heddle.errors import HeddleError
from heddle.host.dnsmasq import Dnsmasq, Files, Lease
from heddle.host.layout import Interface, Layout
from heddle.host.spaces import Spaces

INSIDE = "HEDDLE_TEST_DNSMASQ"
SPACE = "qtest-dhcp"
CONF = (
    "no-hosts", "no-resolv", "bind-interfaces", "interface=tap-a", "except-interface=lo", "dhcp-authoritative",
    "dhcp-range=set:s,10.0.0.0,static,255.255.255.0,3600s",
)  # fmt: skip
ONE = Files(CONF, hosts=("fa:16:3e:00:00:09,one,10.0.0.9",), opts=("tag:s,option:router,10.0.0.1",))
V6 = Files((*CONF, "dhcp-range=set:v6,fd00::,static,64,3600s"), ONE.hosts, ONE.opts)
Make = Callable[[], Any]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes the same server again, as an agent does that starts anew."""
    if not os.environ.get(INSIDE):
        kernel = FakeKernel()
        yield lambda: kernel.server("n1", SPACE, tmp_path / "run", tmp_path / "state")
        return
    spaces = Spaces("qtest-")
    interface = Interface("tap-a", "fa:16:3e:00:00:01", 1450, frozenset({"10.0.0.2/24", "fd00::2/64"}))
    spaces.ensure(SPACE, {"ipv6/conf/default/accept_dad": "0"}).converge(Layout((interface,)))
    yield lambda: Dnsmasq("n1", SPACE, tmp_path / "run", tmp_path / "state")
    Dnsmasq("n1", SPACE, tmp_path / "run", tmp_path / "state").remove()
    spaces.remove(SPACE)
    spaces.close()


@pytest.mark.real
def test_dnsmasq_keeps_the_contract() -> None:
    if os.environ.get(INSIDE):
        return
    run_inside(__file__, INSIDE, *OWN_PROCESSES)


def test_started_once(make: Make) -> None:
    server = make()
    assert server.ensure(ONE) == "started"
    assert server.ensure(ONE) == "same"
    assert server.leases() == []


def test_adopted_by_the_next_agent(make: Make) -> None:
    make().ensure(ONE)
    assert make().ensure(ONE) == "same"


@pytest.mark.parametrize("name", ["hosts", "opts", "names"])
def test_other_files_are_a_signal(make: Make, name: str) -> None:
    server = make()
    server.ensure(ONE)
    values = {each: getattr(ONE, each) for each in ("conf", "hosts", "opts", "names")}
    other = Files(**{**values, name: ()}) if values[name] else Files(**{**values, name: ("10.0.0.9\tone",)})
    assert server.ensure(other) == "reloaded"
    assert server.ensure(other) == "same"


def test_another_configuration_is_another_process(make: Make) -> None:
    server = make()
    server.ensure(ONE)
    assert server.ensure(Files((*CONF, "domain=example"), ONE.hosts, ONE.opts)) == "restarted"


def test_removed_and_started_again(make: Make) -> None:
    server = make()
    server.ensure(ONE)
    server.remove()
    assert server.ensure(ONE) == "started"


if os.environ.get(INSIDE):  # what the real one does besides

    def test_a_file_that_dnsmasq_refuses_is_told(make: Make) -> None:
        with pytest.raises(HeddleError, match="bad option"):
            make().ensure(Files(("no-such-option",)))

    def test_a_lease_of_ipv6_is_released_and_the_others_stay(make: Make) -> None:
        server = make()
        server.ensure(V6)
        server.stop()
        kept = Lease("", "fd00::9", "00:03:00:01:fa:16:3e:00:00:09", 7)
        stale = Lease("", "fd00::a", "00:04:0a", 4294967295)
        lines = [f"9999999999 {each.association} {each.address} * {each.client_id}" for each in (kept, stale)]
        old = "9999999999 fa:16:3e:00:00:09 10.0.0.9 one *"
        server.leases_file.write_text("\n".join([old, "duid 00:01:00:01:00:00:00:00:fa:16:3e:00:00:01", *lines]) + "\n")
        assert server.ensure(V6) == "started"
        assert set(server.leases()) == {kept, stale, Lease("fa:16:3e:00:00:09", "10.0.0.9", "*")}
        server.release([stale], "10.0.0.2", "tap-a")
        end = time.monotonic() + 5
        while stale in server.leases() and time.monotonic() < end:
            time.sleep(0.02)
        assert set(server.leases()) == {kept, Lease("fa:16:3e:00:00:09", "10.0.0.9", "*")}

    def test_a_pid_file_that_names_another_process_is_not_believed(make: Make) -> None:
        server = make()
        server.ensure(ONE)
        pid = server.pid()
        assert pid
        (server.folder / "pid").write_text(f"{os.getpid()}\n")
        assert server.pid() == 0
        (server.folder / "pid").write_text(f"{pid}\n")
        assert server.pid() == pid

    def test_lines_that_dnsmasq_cannot_read_hinder_no_other(make: Make) -> None:
        server = make()
        server.ensure(Files(CONF, hosts=("nonsense,,,", *ONE.hosts), opts=("tag:s,option:no-such-option,1",)))
        assert server.pid()
        assert server.ensure(ONE) == "reloaded"
        assert server.pid()
