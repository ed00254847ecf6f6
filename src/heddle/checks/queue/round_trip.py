"""Each broker takes a message and brings it back."""

from __future__ import annotations

from heddle.bus import probe
from heddle.bus.base import BusError
from heddle.bus.brokers import Broker, brokers
from heddle.checks.base import Check, Finding, Level, OnOpenStack, failure, unknown, well
from heddle.checks.beside import beside
from heddle.checks.context import Context
from heddle.checks.known_brokers import NO_BROKER, SECONDS
from heddle.checks.openstack.context import OpenStack
from heddle.checks.words import counted
from heddle.errors import ConfigError, HeddleError


def check(context: Context) -> list[Finding]:
    settings = context.settings.bus
    if not settings.url:
        return [NO_BROKER]
    try:
        known = brokers(settings)
    except ConfigError as error:
        return [failure(str(error))]
    return _asked(known)


def openstack(cloud: OpenStack) -> list[Finding]:
    """Services that share a broker and an account are one question."""
    said: list[Finding] = []
    known: dict[tuple[str, str], Broker] = {}
    for service in cloud.services:
        try:
            known |= {(each.shown, each.user): each for each in service.brokers()}
        except ConfigError as error:
            said.append(failure(str(error)))
        except HeddleError as error:
            said.append(unknown(str(error)))
    return [*said, *(_asked([*known.values()]) if known else [])]


def _asked(known: list[Broker]) -> list[Finding]:
    answers = zip(known, beside(_try, known, SECONDS), strict=True)
    found = [each or failure(f"{broker.shown} has not answered after {SECONDS:g} s") for broker, each in answers]
    bad = [each for each in found if each.level != Level.SUCCESS]
    evidence = "; ".join(each.evidence for each in found)
    return bad or [well(f"a message came back from {counted(len(known), 'broker')}", evidence)]


def _try(broker: Broker) -> Finding:
    try:
        took = probe.round_trip(broker)
    except BusError as error:
        return failure(str(error), evidence=broker.shown)
    return well("", f"{broker.shown}: {1000 * took:.0f} ms")


CHECK = Check(
    id="queue-round-trip",
    title="The broker brings a message back",
    reads="each broker of bus.url: a message is published to a queue of its own, and consumed",
    severity=Level.FAILURE,
    remedy="Start the broker, or correct bus.url; when it holds up who publishes, free memory or disk on its machine "
    "(rabbitmqctl status shows the alarm).",
    check=check,
    openstack=OnOpenStack(
        openstack, "each broker of transport_url: a message is published to a queue of its own, and consumed",
        "Start the broker, or correct transport_url; when it holds up who publishes, free memory or disk on its "
        "machine (rabbitmqctl status shows the alarm).",
    ),
    seconds=8,
)
