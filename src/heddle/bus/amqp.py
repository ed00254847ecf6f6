"""The bus over AMQP 0.9.1, with RabbitMQ between any number of servers and agents.

    exchange heddle.wake (direct)   wake-ups, with a scope as the routing key, or "all"; a wake-up of several scopes
                                    bears the others in its CC header, so that it reaches a queue once
    exchange heddle.call (direct)   calls; the queue heddle.calls is shared by all servers
    queue heddle.agent.<host>.<id>  of one agent's connection (exclusive): answers, and the wake-ups of its scopes;
                                    and, by the routing key ask:<host> of heddle.wake, questions
    queue heddle.asker.<id>         of who asks agents (exclusive): their replies come by heddle.call

A call that a server took is acknowledged with its answer, so the end of a server hands it to another one; calls
may therefore be worked on twice, which changes nothing.  Calls and answers, questions and replies are sealed
(`seal.py`) with the secret of the host.  Questions go the way of wake-ups and replies that of calls, so that both
accounts need no rights besides those.  Nothing waits in the broker for longer than a call may last or a wake-up is of
use, and nothing is written to its disk: with each connection, of either side, everybody concerned asks anew.
"""

from __future__ import annotations

from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

WAKE, CALL, CALLS, ALL = "heddle.wake", "heddle.call", "heddle.calls", "all"
WAKE_SECONDS = 60


def declare(channel: BlockingChannel) -> None:
    """The exchanges, which whoever comes first makes: without a server the calls of agents come back at once."""
    for name in (WAKE, CALL):
        declare_exchange(channel, name)


def declare_exchange(channel: BlockingChannel, name: str, passive: bool = False) -> None:
    channel.exchange_declare(name, "direct", passive=passive, durable=True)


def declare_calls(channel: BlockingChannel, passive: bool = False) -> Any:
    """The queue that all servers share; `passive`: only if it is there, whatever it is like."""
    return channel.queue_declare(CALLS, passive=passive, durable=True).method


def agent_queue(host: str, instance: str) -> str:
    return f"heddle.agent.{host}.{instance}"


def asker_queue(instance: str) -> str:
    return f"heddle.asker.{instance}"


def ask_key(host: str) -> str:
    """The routing key of questions to a host; no scope begins so."""
    return f"ask:{host}"


def call_parts(headers: dict[str, Any], properties: pika.BasicProperties) -> list[str]:
    """What is sealed of a call besides its body."""
    names = ("version", "host", "method")
    return ["call", *(str(headers.get(name, "")) for name in names), properties.correlation_id or "",
            properties.reply_to or ""]  # fmt: skip


def answer_parts(correlation_id: str) -> list[str]:
    """What is sealed of an answer besides its body."""
    return ["answer", correlation_id]


def question_parts(host: str, properties: pika.BasicProperties) -> list[str]:
    """What is sealed of a question besides its body."""
    return ["question", host, properties.correlation_id or "", properties.reply_to or ""]


def reply_parts(host: str, correlation_id: str) -> list[str]:
    """What is sealed of a reply besides its body."""
    return ["reply", host, correlation_id]


def lasting(seconds: float) -> str:
    """The property `expiration`: milliseconds as text."""
    return str(max(1, int(seconds * 1000)))
