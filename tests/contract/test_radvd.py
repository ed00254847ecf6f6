"""radvd as the router role uses it: the fake and the real one keep the same contract.

The real part runs in another process with network, mount and pid namespaces of its own, so that nothing is left of it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.contract.inside import OWN_PROCESSES, run_inside
from tests.fakes.kernel import FakeKernel
from tests.real.testhost import wait_until

from heddle.host.layout import Interface, Layout
from heddle.host.radvd import Advertised, Radvd
from heddle.host.spaces import Spaces

INSIDE = "HEDDLE_TEST_RADVD"
SPACE = "qtest-router"
SOURCE = "fe80::f816:3eff:fe00:1"
ONE = (Advertised("qr-a", SOURCE, 1450, True, False, False, (("fd00::/64", True),), ("fd00:53::1",)),)
OTHER = (Advertised("qr-a", SOURCE, 1450, True, True, False, (("fd00::/64", False), ("fd00:1::/64", True))),)
Make = Callable[[], Any]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes the same again, as an agent does that starts anew."""
    if not os.environ.get(INSIDE):
        kernel = FakeKernel()
        yield lambda: kernel.radvd("r1", SPACE, tmp_path)
        return
    spaces = Spaces("qtest-")
    interface = Interface("qr-a", "fa:16:3e:00:00:01", 1450, frozenset({"fd00::1/64"}))
    spaces.ensure(SPACE, {"ipv6/conf/all/forwarding": "1"}).converge(Layout((interface,)))
    yield lambda: Radvd("r1", SPACE, tmp_path)
    Radvd("r1", SPACE, tmp_path).remove()
    spaces.remove(SPACE)
    spaces.close()


@pytest.mark.real
def test_radvd_keeps_the_contract() -> None:
    if os.environ.get(INSIDE):
        return
    run_inside(__file__, INSIDE, *OWN_PROCESSES)


def test_started_once_and_adopted(make: Make) -> None:
    assert make().deviations(ONE)
    assert make().ensure(ONE) == "started"
    assert make().ensure(ONE) == "same"
    assert make().deviations(ONE) == []


def test_another_advertisement_is_a_signal(make: Make) -> None:
    make().ensure(ONE)
    assert make().deviations(OTHER)
    assert make().ensure(OTHER) == "reloaded"
    assert make().ensure(OTHER) == "same"


def test_nothing_to_advertise_is_no_process(make: Make) -> None:
    assert make().ensure(()) == "none"
    make().ensure(ONE)
    assert make().speaks
    assert make().ensure(()) == "stopped"
    assert not make().speaks and make().deviations(()) == []
    assert make().ensure(ONE) == "started"


if os.environ.get(INSIDE):  # what the real one does besides

    def test_one_that_was_killed_is_missed_and_started(make: Make) -> None:
        make().ensure(ONE)
        os.kill(make().pid(), signal.SIGKILL)
        wait_until(lambda: not make().pid(), 5, "it is gone")
        assert [each.found for each in make().deviations(ONE)] == ["no process"]
        assert make().ensure(ONE) == "started"
        assert make().pid()

    def test_its_file_changed_by_hand_is_put_back(make: Make) -> None:
        radvd = make()
        radvd.ensure(ONE)
        (radvd.folder / "conf").write_text("")
        assert [each.found for each in radvd.deviations(ONE)] == ["another text, or none"]
        assert radvd.ensure(ONE) == "reloaded"
