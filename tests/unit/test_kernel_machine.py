"""What a virtual machine for the tests is made of: packages, modules, the initramfs, the disk that forgets."""

from __future__ import annotations

import random
import socket
import stat
import struct
import subprocess
from pathlib import Path

import pytest
from tests.kernel.archive import Entry, folder, link, newc, program
from tests.kernel.disk import SECTOR, Cached, Loss, Server
from tests.kernel.kernel import load_order
from tests.kernel.machine import Disk, Hardware
from tests.kernel.rootfs import closure

LISTING = """\
shell\tii \t1.0\t\t, libc (>= 2.3), editor | pager
libc\tii \t2.36\t\t,
nano\tii \t7\teditor, text-tool\tlibc:any,
removed\trc \t1\t\t,
loop\tii \t1\t\tloop, shell
"""

DEPENDENCIES = """\
kernel/drivers/virtio/virtio.ko:
kernel/drivers/virtio/virtio_ring.ko: kernel/drivers/virtio/virtio.ko
kernel/drivers/virtio/virtio_pci.ko.xz: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko
kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko
"""


def test_packages_come_with_what_they_need() -> None:
    assert closure(LISTING, ["shell"]) == {"libc": "2.36", "nano": "7", "shell": "1.0"}
    assert closure(LISTING, ["loop"]).keys() == {"loop", "shell", "libc", "nano"}
    assert closure(LISTING, ["removed", "unknown"]) == {}


def test_modules_are_loaded_after_what_they_need() -> None:
    order = load_order(DEPENDENCIES, ["virtio-pci", "virtio_blk", "built_in"])
    assert [path.rpartition("/")[2] for path in order] == [
        "virtio.ko", "virtio_ring.ko", "virtio_pci.ko.xz", "virtio_blk.ko",
    ]  # fmt: skip


def test_the_archive_has_folders_before_files_and_padding() -> None:
    data = newc([folder("proc"), program("bin/sh", b"12345"), link("bin/ash", "sh")])
    names = []
    at = 0
    while True:
        field = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name = data[at + 110 : at + 110 + field[11] - 1].decode()
        body = at + (110 + field[11] + 3) // 4 * 4
        names.append((name, stat.S_IFMT(field[1]), data[body : body + field[6]]))
        at = body + (field[6] + 3) // 4 * 4
        if name == "TRAILER!!!":
            break
    assert at == len(data)
    assert names[:-1] == [
        ("proc", stat.S_IFDIR, b""), ("bin", stat.S_IFDIR, b""), ("bin/sh", stat.S_IFREG, b"12345"),
        ("bin/ash", stat.S_IFLNK, b"sh"),
    ]  # fmt: skip


def test_busybox_reads_the_archive(tmp_path: Path) -> None:
    archive = newc([program("bin/tool", b"#!/bin/sh\n"), Entry("etc/name", stat.S_IFREG | 0o644, b"vm\n")])
    done = subprocess.run(["busybox", "cpio", "-i", "-d"], cwd=tmp_path, input=archive, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "etc/name").read_text() == "vm\n"


def test_words_for_qemu() -> None:
    assert Hardware("kvm", 512, 1).words() == ["-accel", "kvm", "-cpu", "host", "-m", "512", "-smp", "1"]
    assert Disk("a.img").words(0)[1].endswith("file=a.img,readonly=on")
    assert "readonly" not in " ".join(Disk("a.img", read_only=False).words(2))


@pytest.fixture
def cached(tmp_path: Path) -> Cached:
    (tmp_path / "disk").write_bytes(bytes(64 * SECTOR))
    return Cached(tmp_path / "disk")


def test_what_was_flushed_survives_and_the_rest_by_chance(cached: Cached, tmp_path: Path) -> None:
    cached.write(0, b"a" * 4 * SECTOR)
    cached.flush()
    cached.write(0, b"b" * 40 * SECTOR)
    assert cached.read(3 * SECTOR, 2 * SECTOR) == b"b" * 2 * SECTOR
    loss = cached.lose_power(random.Random(1))
    assert loss.kept + loss.lost == 40 and loss.kept > 5 and loss.lost > 5
    first = {cached.read(number * SECTOR, 1) for number in range(4)}
    rest = [cached.read(number * SECTOR, 1) for number in range(4, 40)]
    assert first == {b"a", b"b"} and set(rest) == {b"\0", b"b"}
    assert cached.lose_power(random.Random(1)) == Loss(0, 0)


def test_a_write_through_the_cache_survives(cached: Cached) -> None:
    cached.write(8 * SECTOR, b"x" * SECTOR)
    cached.write(8 * SECTOR, b"y" * SECTOR, through=True)
    assert cached.lose_power(random.Random(1)) == Loss(0, 0)
    assert cached.read(8 * SECTOR, SECTOR) == b"y" * SECTOR


def test_a_disk_that_lies_loses_what_was_flushed(tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(64 * SECTOR))
    liar = Cached(tmp_path / "disk", honest=False)
    liar.write(0, b"a" * 32 * SECTOR, through=True)
    liar.flush()
    assert liar.lose_power(random.Random(1)).lost > 5


def test_the_disk_goes_dead_between_two_writes(cached: Cached) -> None:
    cached.light(2)
    cached.write(0, b"a" * SECTOR)
    assert cached.alive
    cached.write(0, b"b" * SECTOR)
    assert not cached.alive
    cached.lose_power(random.Random(1))
    assert cached.alive


def test_the_disk_is_served(cached: Cached, tmp_path: Path) -> None:
    """The protocol, as a client speaks it."""
    server = Server(cached, tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "socket"))
        assert client.recv(18, socket.MSG_WAITALL)[:8] == b"NBDMAGIC"
        client.sendall(struct.pack("!I", 3) + b"IHAVEOPT" + struct.pack("!II", 8, 0))
        assert struct.unpack("!QIII", client.recv(20, socket.MSG_WAITALL))[2] == 1 << 31 | 1
        client.sendall(b"IHAVEOPT" + struct.pack("!IIIH", 7, 6, 0, 0))
        told = client.recv(32 + 20, socket.MSG_WAITALL)
        assert struct.unpack("!QH", told[22:32]) == (64 * SECTOR, 13)

        def ask(kind: int, offset: int, length: int, data: bytes = b"", answer: int = 0, flags: int = 0) -> bytes:
            client.sendall(struct.pack("!IHHQQI", 0x25609513, flags, kind, 7, offset, length) + data)
            said = client.recv(16 + answer, socket.MSG_WAITALL)
            assert struct.unpack("!IIQ", said[:16]) == (0x67446698, 0, 7)
            return said[16:]

        ask(1, 0, SECTOR, b"n" * SECTOR)
        ask(1, SECTOR, SECTOR, b"f" * SECTOR, flags=1)
        assert ask(0, 0, 2 * SECTOR, answer=2 * SECTOR) == b"n" * SECTOR + b"f" * SECTOR
        assert cached.lose_power(random.Random(0)) in (Loss(1, 0), Loss(0, 1))
        ask(3, 0, 0)
        assert cached.flushes == 1
    server.idle.wait(5)
    server.close()
    cached.close()
