"""How near to its limit the traffic of a port comes: `python bench/limits.py`, as root, with iperf3.

For each data plane, direction and rate, one TCP stream and twice the rate in UDP run through a policy that names no
burst. What arrives is counted on the receiver's card, in whole frames, after the first seconds have used up the burst.
Ends with 1 if something is more than 5 % off, or if the same traffic brings no more than twice as much without a limit.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from tests.fakes.objects import OUT, allow, group, ip, network, policy, port
from tests.real.conftest import Lab
from tests.real.planes import PLANES, plane_lab
from tests.real.rates import rate

RATES = (2_000, 20_000, 100_000)
KPPS = 5
WARM, SECONDS, BAND = 4.0, 8.0, 0.05


@contextlib.contextmanager
def running(lab: Lab, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    child = lab.host.popen(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        with contextlib.suppress(OSError):
            for pid in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text(encoding="ascii").split():
                os.kill(int(pid), signal.SIGKILL)
        child.wait()


def arriving(lab: Lab, *options: str) -> tuple[float, float]:
    """Kilobits and frames a second that come from guest 1 to guest 2."""
    inside = ["ip", "netns", "exec"]
    with running(lab, *inside, "g2", "iperf3", "-s"):
        time.sleep(0.3)
        with running(lab, *inside, "g1", "iperf3", "-t", "60", "-c", ip(2), *options):
            time.sleep(WARM)
            found = rate(lab.host, "g2", SECONDS)
    return found.kbps, found.frames


def limited(lab: Lab, direction: str, unit: str, amount: int) -> None:
    lab.cloud.put(policy("p", (direction, unit, amount, 0)))
    for number, side in ((1, "egress"), (2, "ingress")):
        lab.cloud.port(port(number, ("open",), qos_policy="p" if side == direction else ""))
    time.sleep(0.5)


def measure(plane: str) -> bool:
    good = True
    with tempfile.TemporaryDirectory() as folder, plane_lab(plane, Path(folder)) as lab:
        lab.cloud.put(network(), group("open", *OUT, allow()))
        for number in (1, 2):
            lab.cloud.port(port(number, ("open",)))
            lab.plug(number)
        lab.wait_up(1, 2)
        free = {"tcp": arriving(lab)[0], "udp": arriving(lab, "-u", "-b", "250M", "-l", "1400")[0]}
        print(f"{plane}: without a limit TCP {free['tcp']:,.0f}, UDP {free['udp']:,.0f} kbit/s", flush=True)
        for direction in ("egress", "ingress"):
            for kbps in RATES:
                limited(lab, direction, "kbps", kbps)
                tcp = arriving(lab)[0] / kbps - 1
                udp = arriving(lab, "-u", "-b", f"{2 * kbps}k", "-l", "1400")[0] / kbps - 1
                good &= max(abs(tcp), abs(udp)) <= BAND and min(free.values()) > 2 * kbps
                print(f"{plane} {direction:7} {kbps:9,} kbit/s   TCP {tcp:+6.1%}   UDP {udp:+6.1%}", flush=True)
            limited(lab, direction, "kpps", KPPS)
            frames = arriving(lab, "-u", "-b", "60M", "-l", "500")[1] / (1000 * KPPS) - 1
            good &= abs(frames) <= BAND
            print(f"{plane} {direction:7} {KPPS:9,} kpps     UDP {frames:+6.1%}", flush=True)
    return good


if __name__ == "__main__":
    results = [measure(plane) for plane in sys.argv[1:] or PLANES]
    sys.exit(0 if all(results) else 1)
