"""What the API's answers promise, and whether the database kept it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Promises:
    """Collected from the marks of the load (guest/load.py), over all power cuts."""

    names: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    there: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many answers stand: ports that must be there and those that must not."""
        return len(self.names) + len(self.gone)

    def take(self, mark: str) -> None:
        kind, _, rest = mark.partition(" ")
        port, _, name = rest.partition(" ")
        if kind in ("made", "named"):
            self.names[port] = name
        elif kind == "asked":
            self.names.pop(port, None)
            self.asked.add(port)
        elif kind == "gone":
            self.gone.add(port)
        elif kind == "there":
            self.there[port] = name

    def boot(self) -> None:
        """The machine starts anew and will tell what is there."""
        self.there = {}

    def broken(self) -> list[str]:
        """What was promised and is not so.  A name may be newer than the one answered: a change on its way."""
        found = [f"port {port} was answered with 201 and is not there" for port in self.names if port not in self.there]
        found += [f"port {port} was deleted and is there" for port in self.gone if port in self.there]
        for port, name in self.names.items():
            if port in self.there and self.there[port] not in (name, f"{name}-new"):
                found.append(f"port {port} was named {name} and is named {self.there[port] or 'nothing'}")
        return found

    def settle(self) -> None:
        """What was on its way is now seen to be there or not, and stays so."""
        for port in self.asked - self.gone:
            if port not in self.there:
                self.gone.add(port)
            else:
                self.names[port] = self.there[port]
        self.asked = set()
        self.names.update((port, name) for port, name in self.there.items() if port not in self.gone and name)


