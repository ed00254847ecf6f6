"""Files as oslo.config reads them: sections, NAME = VALUE, values over several lines, $NAME, and several files.

An option that is set several times has the last value, and of several files the last has its way.  `$name`, `${name}`
and `$section.name` stand for another option's value, `$$` for a $.  No text of these files is in an error, for it may
be a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from heddle.errors import ConfigError

LONGEST = 2**20
DEFAULT = "DEFAULT"
_REFERENCE = re.compile(r"\$(?:(\$)|([A-Za-z_][\w.]*)|\{([A-Za-z_][\w.-]*)\})")
_DEEPEST = 10


class Options:
    """What the files say together, by section and name; sections but DEFAULT without regard to case."""

    def __init__(self, files: Iterable[str]) -> None:
        """Raises `ConfigError`."""
        self._values: dict[tuple[str, str], str] = {}
        for file in files:
            self._values |= parse(_text(file), file)

    def get(self, section: str, name: str, default: str = "") -> str:
        """The value, what it refers to filled in.  Raises `ConfigError`."""
        found = self._values.get((_group(section), name))
        return default if found is None else self._filled(found, _group(section), f"[{section}] {name}", 0)

    def has(self, section: str) -> bool:
        return any(each == _group(section) for each, _ in self._values)

    def flag(self, section: str, name: str) -> bool:
        return is_true(self.get(section, name))

    def number(self, section: str, name: str, default: int) -> int:
        """Raises `ConfigError`."""
        try:
            return int(self.get(section, name, str(default)))
        except ValueError:
            raise ConfigError(f"[{section}] {name} is not a whole number") from None

    def _filled(self, text: str, section: str, where: str, depth: int) -> str:
        def other(match: re.Match[str]) -> str:
            if match[1]:
                return "$"
            group, _, name = (match[2] or match[3]).rpartition(".")
            for place in (_group(group),) if group else (section, DEFAULT):
                if (found := self._values.get((place, name))) is not None and depth < _DEEPEST:
                    return self._filled(found, place, where, depth + 1)
            raise ConfigError(f"{where}: a $ in it leads to no option that these files set; a $ of the value itself is "
                              "written $$")  # fmt: skip

        return _REFERENCE.sub(other, text.replace("\\$", "$$"))


def _group(name: str) -> str:
    """[default] is not [DEFAULT]: services do not read it."""
    return name if name == DEFAULT else name.lower()


def is_true(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes", "on")


def parse(text: str, file: str) -> dict[tuple[str, str], str]:
    """(section, name) -> the last value of it.  Raises `ConfigError`."""
    found: dict[tuple[str, str], str] = {}
    section, last = "", None
    for number, line in enumerate(text.splitlines(), 1):
        where, line = f"{file}, line {number}", line.rstrip()
        if not line:
            last = None
        elif line[0] in " \t":
            if last is None:
                raise ConfigError(f"{where}: it begins with a space, and there is no value before that it goes on with")
            found[last] = f"{found[last]}\n{line.lstrip()}"
        elif line[0] == "[":
            section, last = _section(line, where), None
        elif line[0] not in "#;":
            last = (section, _name(line, section, where))
            found[last] = _value(line)
    return found


def _section(line: str, where: str) -> str:
    if not line.endswith("]") or len(line) < 3:
        raise ConfigError(f"{where}: a section is written [name]")
    return _group(line[1:-1])


def _name(line: str, section: str, where: str) -> str:
    name, separator, _ = _split(line)
    if not separator or not name:
        raise ConfigError(f"{where}: it is neither [section] nor name = value")
    if not section:
        raise ConfigError(f"{where}: an option stands before the first [section]: are these settings of OpenStack?")
    return name.replace("-", "_")


def _value(line: str) -> str:
    value = _split(line)[2]
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _split(line: str) -> tuple[str, str, str]:
    """At the first = or :."""
    at = min((place for place in (line.find("="), line.find(":")) if place >= 0), default=-1)
    return (line, "", "") if at < 0 else (line[:at].strip(), line[at], line[at + 1 :].strip())


def _text(file: str) -> str:
    """Raises `ConfigError`."""
    try:
        with open(file, "rb") as opened:
            found = opened.read(LONGEST + 1)
        text = found.decode()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror or type(error).__name__}") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is no text in UTF-8") from None
    if len(found) > LONGEST or "\0" in text:
        raise ConfigError(f"{file} is no file of settings")
    return text
