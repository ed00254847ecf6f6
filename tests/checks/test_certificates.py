"""Certificates that expired, or are about to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.checks.conftest import Look

from heddle.store.engine import Store

ID = "environment-certificates"


def certificate(file: Path, start: timedelta, end: timedelta) -> Path:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker.example.org")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now + start).not_valid_after(now + end)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize(
    ("start", "end", "status", "says"),
    [
        (-400, 365, "success", "1 certificates"), (-400, 10, "warning", "expires in"),
        (-400, -1, "failure", "expired on"), (2, 300, "failure", "not valid before"),
    ],
)  # fmt: skip
def test_the_days_of_a_certificate(
    look: Look, store: Store, tmp_path: Path, start: int, end: int, status: str, says: str
) -> None:
    file = certificate(tmp_path / "ca.pem", timedelta(days=start), timedelta(days=end))
    look.words = [f"bus.ca_file={file}"]
    told = look("--only", ID)[ID]
    assert told["status"] == status and says in told["details"], told


def test_one_of_several_in_a_file_has_expired(look: Look, store: Store, tmp_path: Path) -> None:
    good = certificate(tmp_path / "a.pem", timedelta(days=-9), timedelta(days=99))
    bad = certificate(tmp_path / "b.pem", timedelta(days=-9), timedelta(days=-1))
    both = tmp_path / "ca.pem"
    both.write_bytes(good.read_bytes() + bad.read_bytes())
    look.words = [f"metadata.nova_ca_file={both}"]
    assert look("--only", ID)[ID]["status"] == "failure"


def test_a_file_that_is_none(look: Look, store: Store, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for file in (tmp_path / "ca.pem", tmp_path / "absent"):
        look.words = [f"bus.ca_file={file}"]
        told = look("--only", ID)[ID]
        assert told["status"] == "failure" and str(file) in told["details"]
    look.words = []
    assert look("--only", ID)[ID]["status"] == "not_applicable"
