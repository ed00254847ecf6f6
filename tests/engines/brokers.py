"""The broker of a test run: a RabbitMQ of its own, where the run wants one."""

from __future__ import annotations

import os
from functools import cache

from heddle.simulate.rabbitmq import RabbitMq

WANTED = "HEDDLE_TEST_BROKER"
Broker = RabbitMq


def wanted() -> bool:
    """Whether this run is to start brokers."""
    return os.environ.get(WANTED) == "rabbitmq"


@cache
def broker() -> Broker:
    """The broker of this run, which stays up."""
    import atexit

    made = Broker()
    atexit.register(made.stop)
    made.start()
    return made
