"""What only a bus over AMQP has: brokers that die and come back, accounts, seals, TLS.

Run by `scripts/engines.sh rabbitmq`, which brings RabbitMQ (the name is none that a plain run of pytest collects).
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.contract.test_bus import QUESTION, Ears, Handler, answers, encoded, until
from tests.engines.brokers import Broker, broker

from heddle.bus import amqp, hasty
from heddle.bus.amqp_agent import AmqpAgentBus
from heddle.bus.amqp_ask import AmqpAsker
from heddle.bus.amqp_server import AmqpServerBus
from heddle.bus.ask import Lack
from heddle.bus.base import BusError
from heddle.bus.brokers import brokers
from heddle.bus.seal import seal
from heddle.config import BusSettings
from heddle.simulate.rabbitmq import RIGHTS
from heddle.view.types import FetchReply, FetchRequest, ScopeNews, Wake

BACK = 40.0


@pytest.fixture
def parts() -> Iterator[list[Any]]:
    """What is stopped at the end."""
    made: list[Any] = []
    yield made
    for part in reversed(made):
        part.stop()


@pytest.fixture
def own(parts: list[Any]) -> Broker:
    """A broker that the test may kill."""
    made = Broker()
    parts.append(made)
    made.start()
    return made


def server(parts: list[Any], url: str, handler: Handler | None = None, **settings: Any) -> AmqpServerBus:
    made = AmqpServerBus(brokers(BusSettings(url=url, **settings)))
    parts.append(made)
    made.start(handler or Handler())
    until(made.hears, BACK)
    return made


def agent(
    parts: list[Any], url: str, ears: Ears | None = None, host: str = "h1", key: str = "", **more: Any
) -> AmqpAgentBus:
    """`connects`: whether it will, which is waited for."""
    timeout, questioned, connects = more.pop("timeout", 5.0), more.pop("questioned", None), more.pop("connects", True)
    made = AmqpAgentBus(brokers(BusSettings(url=url, **more)), key or f"the key of {host}", timeout)
    parts.append(made)
    if questioned is not None:
        made.answer(questioned)
    made.start(host, ears or Ears())
    assert not connects or made._link.wait(BACK)
    return made


def failure(host: AmqpAgentBus) -> str:
    """Of a call that must fail."""
    with pytest.raises(BusError) as caught:
        host.fetch(FetchRequest(host="h1"))
    return str(caught.value)


def test_a_broker_that_was_killed_is_found_again(parts: list[Any], own: Broker) -> None:
    ears = Ears()
    heddle, host = server(parts, own.url()), agent(parts, own.url("agent"), ears)
    host.subscribe(["cloud"])
    until(lambda: answers(host))
    heard = len(ears.heard)
    own.kill()
    until(lambda: not answers(host))
    began = time.monotonic()
    heddle.wake(["cloud"], "req-lost")
    assert time.monotonic() - began < 5
    with pytest.raises(BusError, match="broker"):
        host.fetch(FetchRequest(host="h1"))
    own.start()
    until(lambda: answers(host), BACK)
    until(lambda: Wake(scopes=[]) in ears.heard[heard:], BACK)
    heddle.wake(["cloud"], "req-after")
    until(lambda: any(wake.request_id == "req-after" for wake in ears.heard))


def test_without_a_server_a_call_comes_back_at_once(parts: list[Any], own: Broker) -> None:
    host = agent(parts, own.url("agent"), timeout=20.0)
    began = time.monotonic()
    with pytest.raises(BusError, match="no server listens"):
        host.fetch(FetchRequest(host="h1"))
    assert time.monotonic() - began < 10


def test_the_next_broker_is_tried(parts: list[Any]) -> None:
    dead = f"amqp://nobody:x@127.0.0.1:1/heddle,{broker().url()}"
    server(parts, dead)
    host = agent(parts, f"amqp://nobody:x@127.0.0.1:1/heddle,{broker().url('agent')}")
    until(lambda: answers(host))


def test_a_wrong_password_is_said(parts: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    url = broker().url("agent").replace(broker().passwords["agent"], "wrong-secret")
    host = agent(parts, url, connects=False)
    until(lambda: "check the user and the password in bus.url" in failure(host))
    assert "refuses the user 'agent'" in caplog.text and "wrong-secret" not in caplog.text


def test_a_host_without_the_right_key_is_refused(parts: list[Any]) -> None:
    server(parts, broker().url())
    right, wrong = agent(parts, broker().url("agent")), agent(parts, broker().url("agent"), key="the key of h2")
    until(lambda: answers(right))
    with pytest.raises(BusError, match="heddle host add h1"):
        wrong.fetch(FetchRequest(host="h1"))


def test_an_answer_that_no_server_sealed_is_refused(parts: list[Any], own: Broker) -> None:
    """Somebody with a server's account at the broker, but without the database, answers calls."""
    connection = pika.BlockingConnection(brokers(BusSettings(url=own.url()))[0].parameters)
    channel = connection.channel()
    for name in (amqp.WAKE, amqp.CALL):
        channel.exchange_declare(name, "direct", durable=True)
    channel.queue_declare(amqp.CALLS, durable=True)
    channel.queue_bind(amqp.CALLS, amqp.CALL, amqp.CALLS)
    host = agent(parts, own.url("agent"))
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            host.fetch(FetchRequest(host="h1"))
        except BusError as error:
            caught.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    for _, properties, _ in channel.consume(amqp.CALLS, auto_ack=True, inactivity_timeout=10):
        told = pika.BasicProperties(correlation_id=properties.correlation_id, headers={"mac": "00"})
        channel.basic_publish("", properties.reply_to, b"\x80", told)
        break
    asking.join(10)
    connection.close()
    assert len(caught) == 1 and "does not bear the seal" in str(caught[0])


def test_an_agents_account_cannot_listen_to_others(parts: list[Any]) -> None:
    server(parts, broker().url())
    until(lambda: answers(agent(parts, broker().url("agent"))))
    for listen in (amqp.CALLS, "heddle.other"):
        connection = pika.BlockingConnection(brokers(BusSettings(url=broker().url("agent")))[0].parameters)
        channel = connection.channel()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            next(channel.consume(listen, inactivity_timeout=1))
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            other = connection.channel()
            other.confirm_delivery()
            other.basic_publish(amqp.WAKE, amqp.ALL, b"")
        connection.close()


def test_the_rights_are_those_of_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")
    for user, rights in RIGHTS.items():
        words = " ".join(f"'{right}'" for right in rights)
        assert f"set_permissions -p heddle {user} {words}" in text


def asker(url: str, *hosts: str) -> AmqpAsker:
    """Knows the keys of these hosts."""
    return AmqpAsker(brokers(BusSettings(url=url)), lambda wanted: {host: f"the key of {host}" for host in hosts})


class Asked:
    """Takes questions and says so."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def __call__(self, question: bytes, reply: Callable[[bytes], None]) -> None:
        self.taken.append(question)
        reply(encoded("well"))


def test_a_question_counts_with_the_hosts_key_only(parts: list[Any]) -> None:
    server(parts, broker().url())
    one, two = Asked(), Asked()
    right = agent(parts, broker().url("agent"), questioned=one)
    agent(parts, broker().url("agent"), host="h2", key="the key of h1", questioned=two)
    until(lambda: answers(right))
    found = asker(broker().url(), "h1", "h2").ask({"h1": QUESTION, "h2": QUESTION, "h3": QUESTION}, 3)
    assert found["h1"].body == encoded("well") and one.taken == [QUESTION]
    assert found["h2"].lack == Lack.REFUSED and "seal" in found["h2"].reason and two.taken == []
    assert found["h3"].lack == Lack.ABSENT and "heddle host add" in found["h3"].reason


@pytest.mark.parametrize("instead", [None, "", "ä"])
def test_a_reply_of_another_host_is_none(parts: list[Any], instead: str | None) -> None:
    """Whoever has an agent's account can listen to questions and send something back, but not with the host's seal.

    In the place of its seal stands that of another key, or what is no seal at all.
    """
    server(parts, broker().url())
    parameters = brokers(BusSettings(url=broker().url("agent")))[0].parameters
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    queue = amqp.agent_queue("h9", "spy")
    channel.queue_declare(queue, exclusive=True, auto_delete=True)
    channel.queue_bind(queue, amqp.WAKE, amqp.ask_key("h1"))
    heard: list[bytes] = []

    def forge(channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        heard.append(body)
        parts_of = amqp.reply_parts("h1", properties.correlation_id)
        mac = seal("the key of h9", parts_of, encoded("forged")) if instead is None else instead
        told = pika.BasicProperties(correlation_id=properties.correlation_id, headers={"mac": mac})
        channel.basic_publish(amqp.CALL, properties.reply_to, encoded("forged"), told)

    channel.basic_consume(queue, forge, auto_ack=True)
    stopped = threading.Event()

    def listen() -> None:
        while not stopped.is_set():
            connection.process_data_events(0.05)

    spy = threading.Thread(target=listen)
    spy.start()
    try:
        found = asker(broker().url(), "h1").ask({"h1": QUESTION}, 3)["h1"]
        assert heard and found.lack == Lack.REFUSED and not found.body
        real = agent(parts, broker().url("agent"), questioned=Asked())
        until(lambda: answers(real))
        assert asker(broker().url(), "h1").ask({"h1": QUESTION}, 5)["h1"].body == encoded("well")
        assert len(heard) == 2
    finally:
        stopped.set()
        spy.join(5)
        connection.close()


def test_a_broker_that_hangs_costs_no_time_where_another_is(parts: list[Any]) -> None:
    server(parts, broker().url())
    until(lambda: answers(agent(parts, broker().url("agent"), questioned=Asked())))
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        url = f"amqp://server:x@127.0.0.1:{hanging.getsockname()[1]}/heddle"
        began = time.monotonic()
        assert asker(f"{url},{broker().url()}", "h1").ask({"h1": QUESTION}, 5)["h1"].body == encoded("well")
        assert time.monotonic() - began < hasty.SECONDS
        with pytest.raises(BusError, match="does not answer"):
            asker(url, "h1").ask({"h1": QUESTION}, 5)
        assert time.monotonic() - began < 20


def test_a_broker_that_nobody_has_used_is_named(own: Broker) -> None:
    with pytest.raises(BusError, match="no server or agent has ever connected"):
        asker(own.url(), "h1").ask({"h1": QUESTION}, 5)


def test_a_server_that_dies_with_a_call_leaves_it_to_another(parts: list[Any]) -> None:
    called = threading.Event()

    class Stuck(Handler):
        def fetch(self, request: FetchRequest) -> FetchReply:
            called.set()
            return super().fetch(request)

    stuck, well = Stuck(), Handler()
    dying = AmqpServerBus(brokers(BusSettings(url=broker().url())))
    dying.start(stuck)
    until(dying.hears)
    host = agent(parts, broker().url("agent"), host="slow", timeout=20.0)
    replies: list[FetchReply] = []
    asking = threading.Thread(target=lambda: replies.append(host.fetch(FetchRequest(host="slow", revision=6))))
    asking.start()
    assert called.wait(10)
    well.go.set()
    server(parts, broker().url(), well)
    assert not replies
    dying.stop()
    asking.join(20)
    stuck.go.set()
    assert [reply.revision for reply in replies] == [7]


def test_one_wake_up_for_several_scopes(parts: list[Any]) -> None:
    ears = Ears()
    heddle, host = server(parts, broker().url()), agent(parts, broker().url("agent"), ears)
    host.subscribe(["network:a", "group:b", "host:h1"])
    until(lambda: answers(host))
    heddle.wake(["network:a", "group:b", "router:c"], "req-1")
    heddle.wake(["host:h1"], "req-2")
    until(lambda: any(wake.request_id == "req-2" for wake in ears.heard))
    assert [wake for wake in ears.heard if wake.request_id == "req-1"] == [
        Wake(scopes=["group:b", "network:a"], request_id="req-1")
    ]


def test_a_large_answer(parts: list[Any]) -> None:
    class Large(Handler):
        def fetch(self, request: FetchRequest) -> FetchReply:
            return FetchReply(revision=1, scopes=[ScopeNews(scope="x" * 10_000_000)])

    server(parts, broker().url(), Large())
    reply = agent(parts, broker().url("agent"), timeout=30.0).fetch(FetchRequest(host="h1"))
    assert len(reply.scopes[0].scope) == 10_000_000


def test_tls(parts: list[Any], tmp_path: Path) -> None:
    certify(tmp_path)
    (tmp_path / "other").mkdir()
    certify(tmp_path / "other")
    secure = Broker(certificates=tmp_path)
    parts.append(secure)
    secure.start()
    authority = str(tmp_path / "ca.pem")
    server(parts, secure.url(), ca_file=authority)
    until(lambda: answers(agent(parts, secure.url("agent"), ca_file=authority)), BACK)
    doubting = agent(parts, secure.url("agent"), ca_file=str(tmp_path / "other" / "ca.pem"), connects=False)
    until(lambda: "CERTIFICATE_VERIFY_FAILED" in failure(doubting))


def certify(folder: Path) -> None:
    """An authority and a broker's certificate for the loopback."""
    folder.chmod(0o755)
    now = datetime.datetime.now(datetime.UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def base(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("authority"))
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return made.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(
            now + datetime.timedelta(days=1)
        )

    authority, mine = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = base("authority", authority).add_extension(x509.BasicConstraints(True, None), critical=True)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    cert = base("broker", mine).add_extension(address, critical=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.sign(authority, hashes.SHA256()).public_bytes(pem))
    (folder / "cert.pem").write_bytes(cert.sign(authority, hashes.SHA256()).public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(mine.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
