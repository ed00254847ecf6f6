"""A running OpenStack whose RabbitMQ works, and ends; its databases are on PostgreSQL.

Run by `scripts/engines.sh rabbitmq`, which brings both (the name is none that a plain run of pytest collects).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.checks.conftest import differing
from tests.checks.openstack import Cloud, built, run_check
from tests.contract.amqp_broker import certify

from heddle.simulate.rabbitmq import RabbitMq


@pytest.fixture
def cloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, broker: RabbitMq
) -> Iterator[Cloud]:
    monkeypatch.setenv("HEDDLE_TEST_ENGINE", "postgresql")
    with built(tmp_path, capsys) as made:
        made.broker = broker.url().replace("amqp://", "rabbit://")
        yield made


def test_a_broker_that_is_unreachable(cloud: Cloud, broker: RabbitMq) -> None:
    """On a cloud that is well everything is; then the broker ends, and that alone is told."""
    before = cloud()
    assert cloud.code == 0 and before["queue-round-trip"]["status"] == "success", before
    assert "a message came back from 1 broker" in before["queue-round-trip"]["details"]
    broker.kill()
    started = time.monotonic()
    found = cloud()
    assert time.monotonic() - started < 15 and cloud.code == 2
    assert differing(before, found) == {"queue-round-trip"}
    told = found["queue-round-trip"]
    assert told["status"] == "failure" and "transport_url" in told["remedy"] and str(broker.port) in told["details"]


def test_one_of_two_brokers_and_a_wrong_password(cloud: Cloud, broker: RabbitMq) -> None:
    alone = cloud.broker
    account, _, place = alone.removeprefix("rabbit://").partition("@")
    cloud.broker = f"rabbit://{account}@127.0.0.1:1,{account}@{place}"
    told = cloud("--only", "queue-round-trip")["queue-round-trip"]
    assert told["status"] == "failure" and "127.0.0.1:1/heddle" in told["details"], told
    cloud.broker = f"rabbit://server:hunter2@{place}"
    told = cloud("--only", "queue-round-trip")["queue-round-trip"]
    assert told["status"] == "failure" and "refuses the user 'server'" in told["details"], told
    assert "transport_url" in told["details"]


def test_tls_is_as_the_service_has_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Compared with `ssl_ca_file`; without one not at all, which is told; and not without `ssl`."""
    certify(tmp_path)
    (tmp_path / "other").mkdir()
    certify(tmp_path / "other")
    made = RabbitMq(certificates=tmp_path)
    try:
        made.start()
        url = made.url().replace("amqps://", "rabbit://")
        for lines, status, says in (
            (f"ssl = true\nssl_ca_file = {tmp_path}/ca.pem", "success", "came back"),
            (f"ssl = true\nssl_ca_file = {tmp_path}/other/ca.pem", "failure", "CERTIFICATE_VERIFY_FAILED"),
            ("rabbit_use_ssl = true", "success", "came back"), ("ssl = false", "failure", ""),
            (f"ssl = true\nssl_ca_file = {tmp_path}/nothing", "failure", "files for TLS cannot be used"),
        ):  # fmt: skip
            text = f"[DEFAULT]\ntransport_url = {url}\n[oslo_messaging_rabbit]\n{lines}\n"
            (tmp_path / "neutron.conf").write_text(text)
            words = ("--neutron-conf", str(tmp_path / "neutron.conf"), "--only", "queue-round-trip")
            _, (told,) = run_check(capsys, *words)
            assert told["status"] == status and says in told["details"], (lines, told)
    finally:
        made.stop()
