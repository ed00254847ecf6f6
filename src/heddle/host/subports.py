"""The devices of subports: a veth each, whose one end is what a bridge takes for the port's card.

Nothing goes through the veth.  Programs at its end (`subport_code.py`) carry what a bridge sends there, tagged, to the
card of the trunk, and one at the card brings what comes with the tag.  The other end only has the first one be up.

A device bears an alias that begins with our mark.  One of the same name without it is somebody else's, unless it is as
one is that was just made when the agent was killed: down, and in nobody's use.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Collection, Iterable, Iterator, Mapping

from heddle.errors import HeddleError
from heddle.host import bridge_links as bl
from heddle.host import rtnetlink as rt
from heddle.host.bridge import SETTINGS, ForeignDevice
from heddle.host.frame_filters import COMING, GOING, FrameFilters, Side
from heddle.host.netlink import ADD, Netlink, NetlinkError, Request, attribute, nested, text
from heddle.host.netns import MARK
from heddle.host.rtnetlink import Link
from heddle.host.subport_code import tag_code, untag_code

ALIAS = f"{MARK} subport"
_NEWLINK, _HEAD = 16, 16
MISSING = (errno.ENOENT, errno.EOPNOTSUPP, errno.ENOSYS)


def is_ours(link: Link) -> bool:
    return link.alias == ALIAS


class SubportDevices:
    """`links` are always the devices of the host as they were last seen."""

    def __init__(self) -> None:
        self._netlink = Netlink()
        self._filters = FrameFilters()

    def close(self) -> None:
        self._filters.close()
        self._netlink.close()

    def make(self, device: str, peer: str, links: Mapping[str, Link]) -> bool:
        """Have the device of a subport, down as long as no bridge has it; returns whether something was done.

        Raises `ForeignDevice` and `NetlinkError`.
        """
        there = links.get(device)
        if there is not None and is_ours(there) and peer in links and links[peer].up:
            return False
        if there is not None and (there.kind != "veth" or not (is_ours(there) or _unused(there))):
            raise ForeignDevice(f"the device {device} is not Heddle's; if nothing needs it: ip link del {device}")
        self._run([rt.delete_link(device), _pair(device, peer), bl.no_address(peer), bl.no_address(device),
                   rt.set_link(device, alias=ALIAS)])  # fmt: skip
        with contextlib.suppress(OSError):
            (SETTINGS / "ipv6/conf" / peer / "disable_ipv6").write_text("1", encoding="ascii")
        self._run([rt.set_link(peer, up=True)])
        return True

    def remove(self, devices: Iterable[str]) -> None:
        self._netlink.run([rt.delete_link(each) for each in devices])

    def tag(self, device: Link, vlan: int, card: Link) -> bool:
        """Have what goes to a device go to the card with this tag; whether it did not.  Raises as `steer`."""
        with _told():
            return self._filters.ensure(Side(device.index, GOING), tag_code(vlan, card.index), "tag")

    def steer(self, card: Link, targets: Collection[tuple[int, int]]) -> bool:
        """Have what comes from a card go, by its tag, to these devices (by index); whether it did not.

        Raises `OSError`, and `HeddleError` when the kernel cannot.
        """
        side = Side(card.index, COMING)
        if not targets:
            return self._filters.remove(side)
        with _told():
            return self._filters.ensure(side, untag_code(targets), "untag")

    def differs(self, card: Link, targets: Collection[tuple[int, int]]) -> bool:
        """Whether a card does otherwise than `steer` would have it do.  Raises as that does."""
        with _told():
            return self._filters.differs(Side(card.index, COMING), untag_code(targets) if targets else b"")

    def tags(self, device: Link, vlan: int, card: Link) -> bool:
        """Whether a device does as `tag` would have it do.  Raises as that does."""
        with _told():
            return not self._filters.differs(Side(device.index, GOING), tag_code(vlan, card.index))

    def forget(self) -> None:
        """Look again at what each device does."""
        self._filters.forget()

    def _run(self, requests: list[Request]) -> None:
        failures = self._netlink.run(requests)
        if failures:
            raise failures[0]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.errno in MISSING:
            raise HeddleError(
                "this kernel cannot run programs at devices, which trunks need: load the modules (modprobe -a "
                f"sch_ingress cls_bpf): {error.strerror}"
            ) from error
        raise


def _unused(link: Link) -> bool:
    return not link.up and not link.master and not link.alias


def _pair(device: str, peer: str) -> Request:
    end = bytes(_HEAD) + text(3, peer)
    info = nested(18, attribute(1, b"veth"), nested(2, attribute(1, end)))
    return Request(_NEWLINK, bytes(_HEAD) + text(3, device) + info, ADD, f"device {device} of a subport")
