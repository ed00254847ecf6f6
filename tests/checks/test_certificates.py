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


def certificate(file: Path, start: timedelta, end: timedelta, subject: str = "broker", issuer: str = "") -> Path:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name, signer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (subject, issuer or subject))
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(signer).public_key(key.public_key())
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


GOOD, OVER, EARLY = (-9, 99), (-9, -1), (2, 99)


@pytest.mark.parametrize(("made", "status", "says"), [
    # subject, issuer, from when until when
    ([("new", "", GOOD), ("old", "", OVER)], "warning", "CN=old expired on"),
    ([("same", "", OVER), ("same", "", GOOD)], "warning", "CN=same expired on"),
    ([("new", "", GOOD), ("next", "", EARLY)], "warning", "CN=next is not valid before"),
    ([("one", "", OVER), ("two", "", OVER)], "failure", "expired on"),
    ([("root", "", OVER), ("below", "root", GOOD)], "failure", "CN=root expired on"),
    ([("old", "", OVER), ("root", "", GOOD), ("below", "root", GOOD)], "warning", "CN=old expired on"),
    ([("old", "", OVER), ("below", "nowhere", GOOD)], "failure", "CN=old expired on"),
    ([("old", "", OVER), ("a", "b", GOOD), ("b", "a", GOOD)], "failure", "CN=old expired on"),
])  # fmt: skip
@pytest.mark.parametrize("setting", ["metadata.nova_ca_file", "bus.cert_file"])
def test_one_of_several_in_a_file_is_not_valid(
    look: Look, store: Store, tmp_path: Path, made: list[tuple[str, str, tuple[int, int]]], status: str, says: str,
    setting: str,
) -> None:  # fmt: skip
    """A server's own certificate is none that another takes the place of."""
    for subject, issuer, days in made:
        file = certificate(tmp_path / "one.pem", *(timedelta(days=each) for each in days), subject, issuer)
        with (tmp_path / "all.pem").open("ab") as every:
            every.write(file.read_bytes())
    look.words = [f"{setting}={tmp_path / 'all.pem'}"]
    told = look("--only", ID)[ID]
    assert told["status"] == (status if setting.endswith("ca_file") else "failure"), told
    assert says in told["details"], told


def test_a_file_that_is_none(look: Look, store: Store, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for file in (tmp_path / "ca.pem", tmp_path / "absent"):
        look.words = [f"bus.ca_file={file}"]
        told = look("--only", ID)[ID]
        assert told["status"] == "failure" and str(file) in told["details"]
    look.words = []
    assert look("--only", ID)[ID]["status"] == "not_applicable"
