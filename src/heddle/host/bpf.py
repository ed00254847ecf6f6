"""Small programs that the kernel runs on frames (eBPF): how they are written, and loaded.

Only what our programs need.  They are made here, instruction by instruction, so that no compiler is needed on a host;
the kernel verifies each before it takes it.  Numbers are those of the kernel's `bpf.h` and `bpf_common.h`.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import struct
from pathlib import Path

from heddle.host.netlink import libc

GO_ON, DROP = -1, 2  # what a program answers: the next one decides, or nobody gets the frame
LOCAL, SKB = 6, 1  # registers: 6 to 9 outlive calls; 1 is a program's and a call's first argument, 0 what it returns

_CALLS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "loongarch64": 280, "ppc64le": 361, "s390x": 351}
_LOAD, _SCHED_CLS = 5, 3
_LOG = 1 << 16
_TAG = re.compile(r"^prog_tag:\s*([0-9a-f]+)", re.MULTILINE)
_INSTRUCTION = struct.Struct("=BBhi")


def instruction(code: int, to: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    """The registers are halves of a byte, in an order that the machine's bytes have too."""
    registers = to | source << 4 if struct.pack("=H", 1)[0] else to << 4 | source
    return _INSTRUCTION.pack(code, registers, offset, value)


def put(to: int, value: int) -> bytes:
    return instruction(0xB7, to, value=value)


def copy(to: int, source: int) -> bytes:
    return instruction(0xBF, to, source)


def keep_bits(to: int, mask: int) -> bytes:
    return instruction(0x57, to, value=mask)


def field_of(to: int, source: int, offset: int) -> bytes:
    """A field of the frame's description, 32 bits."""
    return instruction(0x61, to, source, offset)


def skip_if(register: int, value: int, count: int) -> bytes:
    """Leave out so many instructions when the register has the value."""
    return instruction(0x15, register, offset=count, value=value)


def skip_unless(register: int, value: int, count: int) -> bytes:
    return instruction(0x55, register, offset=count, value=value)


def call(helper: int) -> bytes:
    return instruction(0x85, value=helper)


def answer(value: int) -> bytes:
    return put(0, value) + instruction(0x95)


def leave() -> bytes:
    """Answer what the last call returned."""
    return instruction(0x95)


class Loaded:
    """A program that the kernel has taken; it lives on where it is attached, after `close` too.

    `tag` names its instructions.
    """

    def __init__(self, code: bytes, name: str) -> None:
        """Raises `OSError`."""
        self.descriptor = _load(code, name)
        found = _TAG.search(Path(f"/proc/self/fdinfo/{self.descriptor}").read_text(encoding="ascii"))
        self.tag = found[1] if found else ""

    def close(self) -> None:
        os.close(self.descriptor)


def _load(code: bytes, name: str) -> int:
    number = _CALLS.get(platform.machine())
    if number is None:
        raise OSError(f"programs for frames cannot be loaded on {platform.machine()}")
    found = _ask(number, code, name, None)
    if found < 0:
        error, log = ctypes.get_errno(), ctypes.create_string_buffer(_LOG)
        _ask(number, code, name, log)
        reason = " ".join([os.strerror(error), *log.value.decode(errors="replace").strip().splitlines()[-1:]])
        raise OSError(error, f"the kernel does not take a program for frames: {reason}")
    return found


def _ask(number: int, code: bytes, name: str, log: ctypes.Array[ctypes.c_char] | None) -> int:
    """The descriptor of the program, or -1; what the kernel has to say comes into `log`, where there is one."""
    instructions, license = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    place, size = (ctypes.addressof(log), _LOG) if log is not None else (0, 0)
    words = struct.pack(
        "=IIQQIIQII16s", _SCHED_CLS, len(code) // _INSTRUCTION.size, ctypes.addressof(instructions),
        ctypes.addressof(license), size > 0, size, place, 0, 0, name.encode()[:15],
    )  # fmt: skip
    body = ctypes.create_string_buffer(words, len(words))
    found: int = libc.syscall(number, _LOAD, body, len(words))
    return found
