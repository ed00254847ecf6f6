"""`heddle ha`: the key with which hosts agree on highly available routers becomes another one.

It works on the database, on a machine that has the server's settings.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import TYPE_CHECKING

from heddle.config import Settings
from heddle.errors import HeddleError

if TYPE_CHECKING:
    from heddle.store.engine import Store

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

POLL = 0.5
SETTLE = 2.0  # what an agent has taken its processes have soon after


def register(commands: Subparsers) -> None:
    ha = commands.add_parser("ha", help="highly available routers: another key for what hosts tell each other")
    what = ha.add_subparsers(dest="action", metavar="ACTION", required=True)
    rotate = what.add_parser("rotate-key", help="have hosts sign with a new key, and forget the former; routers go on")
    rotate.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS",
                        help="for all hosts to take each of the three steps (120); given again, it goes on where it "
                        "stopped")  # fmt: skip
    rotate.add_argument("--without", action="append", default=[], metavar="HOST",
                        help="do not wait for HOST: others will not hear it until it has the new key; may be repeated")


def run(args: argparse.Namespace, settings: Settings) -> int:
    from heddle.control import ha_keys
    from heddle.store.admin import opened

    if not args.timeout >= 0:
        raise HeddleError(f"--timeout {args.timeout:g}: write seconds, 0 or more")
    said = {
        ha_keys.TOLD: "All hosts are told a new key, and accept it.",
        ha_keys.USED: "All hosts sign with the new key, and accept the former.",
        ha_keys.DONE: "The former key counts no longer.",
    }
    without = set(args.without)
    with opened(settings.database_url) as store:
        with store.read() as tx:
            state, strangers = ha_keys.state(tx), ha_keys.strangers(tx, without)
        if strangers:
            raise HeddleError(f"--without: no host is named {', '.join(strangers)}: `heddle status` names them")
        if state == ha_keys.DONE:
            state = store.write(partial(ha_keys.advance, state_before=state, without=without))
        while True:
            _await(store, args.timeout, without)
            print(said[state], flush=True)
            if state == ha_keys.DONE:
                return 0
            state = store.write(partial(ha_keys.advance, state_before=state, without=without))


def _await(store: Store, timeout: float, without: set[str]) -> None:
    """Until all hosts have taken the step.  Raises `HeddleError`."""
    from heddle.control import ha_keys

    end = time.monotonic() + timeout
    while True:
        with store.read() as tx:
            missing = sorted(set(ha_keys.waiting(tx)) - without)
        if not missing:
            time.sleep(SETTLE)
            return
        if time.monotonic() > end:
            raise HeddleError(
                f"these hosts have not taken the key within {timeout:g} s: {', '.join(missing)}. Both keys count until "
                "they have, and nothing is interrupted: start their agents and give this command again, or name them "
                "with --without"
            )
        time.sleep(POLL)
