"""Transmit checksum offload off, by ioctl and without a process.

A frame that leaves a veth with its checksum left to the hardware reaches a userspace datapath unfinished, and TCP
dies while ping works.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import socket
import struct
from collections.abc import Iterable

_SIOCETHTOOL = 0x8946
_SET_TX_CHECKSUM = 0x17


def no_transmit_checksum(names: Iterable[str]) -> None:
    """Turn it off for interfaces of the calling thread's namespace; one that is gone is skipped."""
    command = ctypes.create_string_buffer(struct.pack("=II", _SET_TX_CHECKSUM, 0), 8)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        for name in names:
            try:
                fcntl.ioctl(control, _SIOCETHTOOL, struct.pack("16sP16x", name.encode(), ctypes.addressof(command)))
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
