"""What a guaranteed bandwidth is worth on a card that others flood: `python bench/minimum.py`, as root, with iperf3.

Two hosts with a network card of 20 Mbit/s between them, as the settings tell.  Guest 3 sends 40 Mbit/s of UDP out of
it, guest 1 one TCP stream.  What arrives is counted on the receiver's card in whole frames, with the rule and without.
Ends with 1 if the stream gets less than 95 % of its minimum, or without the rule more than half of that.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from tests.fakes.objects import OUT, allow, group, ip, policy
from tests.real import test_precedence as lab
from tests.real.planes import PLANES
from tests.real.rates import rate

from bench.limits import running

CARD, GOLD = 20_000, 8_000
WARM, SECONDS = 3.0, 6.0
FLOOD = ("-u", "-l", "1200", "-b", f"{2 * CARD}k")


@contextlib.contextmanager
def stream(pair: lab.Pair, source: int, *options: str) -> Iterator[None]:
    """A guest of the first host sends to the one of the next number."""
    inside = ("ip", "netns", "exec")
    with running(pair[1], *inside, f"g{source + 1}", "iperf3", "-s"):
        time.sleep(0.5)
        with running(pair[0], *inside, f"g{source}", "iperf3", "-t", "60", "-c", ip(source + 1), *options):
            yield


def arriving(pair: lab.Pair) -> tuple[float, float]:
    """What comes of guest 1's stream, and of the flood."""
    with stream(pair, 1), stream(pair, 3, *FLOOD):
        time.sleep(WARM)
        return rate(pair[1].host, "g2", SECONDS).kbps, rate(pair[1].host, "g4", SECONDS / 2).kbps


def measure(plane: str) -> bool:
    good = True
    lab.CARD = CARD
    with tempfile.TemporaryDirectory() as folder, lab.joined(plane, Path(folder)) as pair:
        for each in pair:
            each.cloud.put(*lab.HOSTS, group("open", *OUT, allow()), policy("gold", guaranteed=GOLD))
        segment = lab.WAYS[plane][0]
        lab.on(pair, segment, g1="gold")
        for number in range(1, 7):
            pair[1 - number % 2].plug(number)
        lab.settled(pair)
        for with_rule in (True, False):
            lab.on(pair, segment, g1="gold" if with_rule else "")
            time.sleep(0.5)
            mine, flood = arriving(pair)
            good &= mine >= 0.95 * GOLD if with_rule else mine <= 0.5 * GOLD
            what = f"{GOLD:,} guaranteed" if with_rule else "no rule"
            print(f"{plane:12} TCP {what:16}: {mine:8,.0f} kbit/s, the flood {flood:8,.0f}", flush=True)
    return good


if __name__ == "__main__":
    results = [measure(plane) for plane in PLANES]
    sys.exit(0 if all(results) else 1)
