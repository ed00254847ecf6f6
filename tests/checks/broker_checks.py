"""A RabbitMQ that works, has no server, holds up who publishes, and ends.

Run by `scripts/engines.sh rabbitmq`, which brings RabbitMQ (the name is none that a plain run of pytest collects).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pika
from tests.checks.conftest import Look, differing
from tests.contract.test_bus import until

from heddle.agent.questions import Questions
from heddle.bus import amqp
from heddle.bus.amqp_agent import AmqpAgentBus
from heddle.bus.amqp_server import AmqpServerBus
from heddle.bus.brokers import brokers
from heddle.config import BusSettings
from heddle.control import host_keys
from heddle.simulate.rabbitmq import RabbitMq
from heddle.store.engine import Store
from heddle.view.types import FetchReply, FetchRequest, ReportReply, ReportRequest

QUEUE = {"queue-round-trip", "queue-calls", "queue-declarations"}


class Handler:
    """Nobody calls."""

    def key(self, host: str) -> str:
        return ""

    def fetch(self, request: FetchRequest) -> FetchReply:
        raise AssertionError

    def report(self, request: ReportRequest) -> ReportReply:
        raise AssertionError


def test_what_a_broker_goes_through(look: Look, store: Store, broker: RabbitMq) -> None:
    look.words = [f"bus.url={broker.url()}"]
    found = look()
    assert found["queue-round-trip"]["status"] == "success", found["queue-round-trip"]
    assert found["queue-calls"]["status"] == "failure" and "no queue" in found["queue-calls"]["details"]
    bus = AmqpServerBus(brokers(BusSettings(url=broker.url())))
    bus.start(Handler())
    end = time.monotonic() + 60
    while (found := look())["queue-calls"]["status"] != "success":
        assert time.monotonic() < end, found["queue-calls"]
    bus.stop()
    until(lambda: "no server takes" in look("--only", "queue-calls")["queue-calls"]["details"])
    before = look()
    assert before["queue-calls"]["status"] == "failure", before["queue-calls"]
    broker.kill()
    found = look()
    assert differing(before, found) == QUEUE
    assert (found["queue-round-trip"]["status"], found["queue-calls"]["status"]) == ("failure", "unknown")


def test_agents_are_pinged_through_the_broker(
    look: Look, store: Store, broker: RabbitMq, report: Callable[..., None]
) -> None:
    look.words = [f"bus.url={broker.url()}"]
    keys = {host: store.write(lambda tx, host=host: host_keys.add(tx, host)) for host in ("host1", "host2")}
    report("host1")
    report("host2")

    def agent(host: str, takes: bool = True) -> AmqpAgentBus:
        made = AmqpAgentBus(brokers(BusSettings(url=broker.url("agent"))), keys[host], 5.0)
        if takes:
            made.answer(Questions(look.settings).take)
        made.start(host, lambda wake: None)
        assert made._link.wait(30)
        return made

    def asked() -> dict[str, Any]:
        return look("--only", "queue-agents")["queue-agents"]

    told = asked()
    assert told["status"] == "unknown" and "no server or agent has ever connected" in told["details"], told
    first, second = agent("host1"), agent("host2")
    told = asked()
    assert told["status"] == "success" and "2 hosts answer" in told["details"], told
    second.stop()
    until(lambda: "nobody takes" in asked()["details"])
    told = asked()
    assert (told["status"], told["node"]) == ("failure", "host2"), told
    report("host2", release="0.0.9", started_at=2.0)
    second = agent("host2", takes=False)
    told = asked()
    assert (told["status"], told["node"]) == ("unknown", "host2") and "0.0.9" in told["details"], told
    first.stop()
    second.stop()


def test_a_queue_that_somebody_made_otherwise(look: Look, store: Store, broker: RabbitMq) -> None:
    """A server cannot connect, and the check says why; once it is deleted all is well."""
    look.words = [f"bus.url={broker.url()}"]
    assert look("--only", "queue-declarations")["queue-declarations"]["status"] == "not_applicable"
    connection = pika.BlockingConnection(brokers(BusSettings(url=broker.url()))[0].parameters)
    channel = connection.channel()
    channel.queue_declare(amqp.CALLS, durable=True, arguments={"x-queue-type": "quorum"})
    bus = AmqpServerBus(brokers(BusSettings(url=broker.url())))
    bus.start(Handler())
    time.sleep(1)
    assert not bus.hears()
    found = look()
    told = found["queue-declarations"]
    assert told["status"] == "failure" and "PRECONDITION_FAILED" in told["details"], told
    assert amqp.CALLS in told["details"] and found["queue-round-trip"]["status"] == "success"
    channel.queue_delete(amqp.CALLS)
    until(bus.hears)
    assert look("--only", "queue-declarations")["queue-declarations"]["status"] == "success"
    bus.stop()
    channel.queue_delete(amqp.CALLS)
    channel.exchange_delete(amqp.WAKE)
    channel.exchange_declare(amqp.WAKE, "fanout", durable=True)
    told = look("--only", "queue-declarations")["queue-declarations"]
    assert told["status"] == "failure" and amqp.WAKE in told["details"], told
    connection.close()


def test_brokers_of_one_cluster_and_others(look: Look, store: Store, broker: RabbitMq) -> None:
    joined, other = RabbitMq(joins=broker), RabbitMq()
    try:
        joined.start()
        other.start()
        look.words = [f"bus.url={broker.url()},{joined.url()}"]
        told = look("--only", "queue-cluster")["queue-cluster"]
        assert told["status"] == "success" and "2 brokers" in told["details"], told
        look.words = [f"bus.url={broker.url()},{other.url()}"]
        told = look("--only", "queue-cluster")["queue-cluster"]
        assert told["status"] == "failure" and str(other.port) in told["details"], told
        assert "knows no queue of the other" in told["details"]
        joined.kill()
        look.words = [f"bus.url={broker.url()},{joined.url()}"]
        assert look("--only", "queue-cluster")["queue-cluster"]["status"] == "unknown"
    finally:
        other.stop()
        joined.stop()


def test_queues_of_those_who_are_gone(look: Look, store: Store) -> None:
    made = RabbitMq(management=True)
    try:
        made.start()
        url, only = f"bus.url={made.url()}", ("--only", "queue-orphans")
        look.words = [url]
        told = look(*only)["queue-orphans"]
        assert told["status"] == "not_applicable" and "bus.management_url" in told["details"], told
        look.words = [url, f"bus.management_url={made.management_url}"]
        key = store.write(lambda tx: host_keys.add(tx, "host1"))
        first, second = _joined(made, "host1", key), _joined(made, "host2", "a key")

        def seen(*parts: str) -> Callable[[], bool]:
            return lambda: all(part in str(look.every(*only)) for part in parts)

        until(seen("host2 is connected, and the host has no key"), 60)
        second.stop()
        until(seen("1 of agents, each of a host that is known", "'success'"), 60)
        twin = _joined(made, "host1", key)
        until(seen("2 agents are connected as host1"), 60)
        twin.stop()
        connection = pika.BlockingConnection(brokers(BusSettings(url=made.url()))[0].parameters)
        channel = connection.channel()
        channel.queue_declare("heddle.agent.host1.0123456789abcdef")
        channel.queue_declare("heddle.old")
        channel.basic_publish("", "heddle.old", b"x")
        until(seen("nobody takes from the queue heddle.agent.host1.0123456789abcdef", "heddle.old is a queue",
                   "1 messages, 0 consumers"), 60)  # fmt: skip
        connection.close()
        first.stop()
        look.words = [url, f"bus.management_url={made.management_url.replace(made.passwords['server'], 'hunter2')}"]
        told = look(*only)["queue-orphans"]
        assert told["status"] == "unknown" and "401" in told["details"] and "hunter2" not in str(told), told
    finally:
        made.stop()


def _joined(broker: RabbitMq, host: str, key: str) -> AmqpAgentBus:
    made = AmqpAgentBus(brokers(BusSettings(url=broker.url("agent"))), key, 5.0)
    made.start(host, lambda wake: None)
    return made


def test_a_wrong_password_is_named(look: Look, store: Store, broker: RabbitMq) -> None:
    look.words = [f"bus.url={broker.url().replace(broker.passwords['server'], 'hunter2')}"]
    told = look()["queue-round-trip"]
    assert told["status"] == "failure" and "refuses the user 'server'" in told["details"] and "hunter2" not in str(told)


def test_a_broker_without_memory_holds_up_who_publishes(look: Look, store: Store) -> None:
    made = RabbitMq(memory_mb=1)
    try:
        made.start()
        look.words = [f"bus.url={made.url()}"]
        connection = pika.BlockingConnection(brokers(BusSettings(url=made.url()))[0].parameters)
        told = look()["queue-round-trip"]
        connection.close()
        assert told["status"] == "failure" and "holds up who publishes" in told["details"], told
        assert "memory" in told["details"]
    finally:
        made.stop()
