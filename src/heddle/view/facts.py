"""What a host is: the question of `heddle upgrade check`, and an agent's answer.

Only what was seen is told.  What could not be seen has a `lack` that says why, and an agent from before a fact was
asked for leaves it out: neither is ever taken for something that is well.  Secrets do not travel: of those that must be
the same on several hosts a host tells a fingerprint, which is of this question alone (its nonce), and costs whoever
guesses at the secret a moment for each guess.
"""

from __future__ import annotations

from heddle.view.types import Message

LEAST_NONCE = 16


class FactsQuestion(Message, frozen=True, tag_field="question", tag="facts", kw_only=True):
    """`nonce`: random, of this question alone, at least `LEAST_NONCE` bytes."""

    nonce: bytes


class Program(Message, frozen=True, kw_only=True):
    """A program that Heddle uses here, by the name of its package; `missing`: it is not installed.

    `running`: the version of the process that serves now, where it is one that outlives an update of its package;
    `running_lack`: why that could not be told.
    """

    name: str
    version: str = ""
    lack: str = ""
    missing: bool = False
    running: str = ""
    running_lack: str = ""


class Disk(Message, frozen=True, kw_only=True):
    """The file system of a folder: `used` of `size` bytes, for those who are not root, and so many inodes; 0 `inodes`
    where there is no number of them.  `device` is the same for folders of one file system.
    """

    folder: str
    device: int = 0
    used: int = 0
    size: int = 0
    inodes_used: int = 0
    inodes: int = 0
    lack: str = ""


class Certificate(Message, frozen=True, kw_only=True):
    """One of the certificates in the file that a setting names; from when until when, in seconds since the epoch.

    `issuer`: whose key signed it; "" where it is its own or where the agent is of before that was told.
    """

    setting: str
    file: str
    subject: str = ""
    issuer: str = ""
    starts: float = 0.0
    ends: float = 0.0
    lack: str = ""


class Fingerprint(Message, frozen=True, kw_only=True):
    """Of the secret that a setting holds, "" where it holds none."""

    setting: str
    value: str = ""


class HostSettings(Message, frozen=True, kw_only=True):
    """Settings of a host that go together with those of others; None for what its agent does not tell.

    `base_mac`: only the bytes with which MACs of the cloud begin.
    """

    data_plane: str = ""
    roles: tuple[str, ...] = ()
    tunnel_ip: str = ""
    report_seconds: float | None = None
    ha_port: int | None = None
    ha_dead_seconds: float | None = None
    ha_preempt: bool | None = None
    dns_domain: str | None = None
    base_mac: str | None = None
    isolated_networks: bool | None = None
    asks_nova: bool | None = None


class Facts(Message, frozen=True, tag_field="answer", tag="facts", kw_only=True):
    """`release` of Heddle, `python` and `kernel` as they run; `boot` is the same for all that share a running kernel.

    `reboot`: why this machine waits for one; `clock`: the time here, in seconds since the epoch, read last of all.
    """

    release: str
    python: str = ""
    kernel: str = ""
    boot: str = ""
    disks: tuple[Disk, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    reboot: tuple[str, ...] | None = None
    programs: tuple[Program, ...] = ()
    settings: HostSettings | None = None
    fingerprints: tuple[Fingerprint, ...] = ()
    clock: float = 0.0
