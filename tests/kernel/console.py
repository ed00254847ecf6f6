"""What the virtual machine says on its second serial line.

A line "heddle-vm: KIND TEXT" is for the runner; every other line is output for people.

    step TEXT       something was reached
    fact NAME TEXT  something was measured
    mark TEXT       something was acknowledged (a port's id)
    result N TEXT   the end, with an exit status
"""

from __future__ import annotations

from dataclasses import dataclass, field

PREFIX = "heddle-vm: "


@dataclass(frozen=True)
class Said:
    """A line: `kind` is one of those above, or "" for output."""

    kind: str
    text: str


def parse(line: str) -> Said:
    text = line.rstrip("\r\n")
    if not text.startswith(PREFIX):
        return Said("", text)
    kind, _, rest = text.removeprefix(PREFIX).partition(" ")
    return Said(kind, rest.strip()) if kind in ("step", "fact", "mark", "result") else Said("", text)


@dataclass
class Heard:
    """All that was said; `result` is None until the end was told, which may be never."""

    output: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)
    result: int | None = None
    why: str = ""

    def take(self, said: Said) -> None:
        if said.kind == "fact":
            name, _, value = said.text.partition(" ")
            self.facts[name] = value
        elif said.kind == "mark":
            self.marks.append(said.text)
        elif said.kind == "result":
            number, _, self.why = said.text.partition(" ")
            self.result = int(number) if number.isdigit() else 99
        elif not said.kind:
            self.output.append(said.text)


class Lines:
    """Whole lines from pieces of bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [line.decode("utf-8", "replace") for line in whole]


def on_the_kernel(facts: dict[str, str]) -> list[str]:
    """What speaks against the kernel's datapath having carried the packets; nothing when it did."""
    against = []
    if facts.get("datapath_type", "").strip('"') != "system":
        against.append(f"br-int has datapath_type {facts.get('datapath_type', 'unknown')}")
    if "system@ovs-system" not in facts.get("datapath", "").split():
        against.append(f"the datapaths are: {facts.get('datapath') or 'none'}")
    if "netdev" in facts.get("datapath", ""):
        against.append("there is a userspace datapath")
    for name in ("ports", "flows", "connections"):
        if not facts.get(name, "").isdigit() or int(facts[name]) == 0:
            against.append(f"the kernel's datapath has no {name}")
    return against
