"""The types of what users can set: parse, check and describe each in one place.

A type's `parse` takes a decoded JSON value and returns the checked one, or raises `Invalid` with the
reason; the caller adds the attribute's name.  `from_query` does the same for the text of a filter.
`schema` is its OpenAPI (JSON Schema) form and `column` the kind of column that keeps it.

The accepted spellings (a boolean as `"true"`, an integer as `"7"`, `null` for an empty list) are those of
the Networking API v2.0; addresses follow RFC 4291/5952, CIDRs RFC 4632.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable
from typing import Any, Final

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MAC = re.compile(r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}|[0-9a-fA-F]{12}|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}")
DNS_KEYWORDS = ("project_id", "project_name", "user_name", "user_id")
_DNS_LABEL = re.compile(r"(?!-)[a-zA-Z0-9-]{1,63}(?<!-)")
_KEYWORD_LABELS = frozenset(f"<{word}>" for word in DNS_KEYWORDS)


class Invalid(ValueError):
    """A value is wrong; the text is the reason, or with a `code`, the type of the error, the whole answer."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class FieldType:
    """The base of the types; `nullable` accepts `null` as None; with `as_text` answers show the value as text."""

    column = "text"
    length: int | None = None
    as_text = False

    def __init__(self, *, nullable: bool = False) -> None:
        self.nullable = nullable

    def parse(self, value: Any) -> Any:
        if value is None and self.nullable:
            return None
        return self.check(value)

    def check(self, value: Any) -> Any:
        raise NotImplementedError

    def from_query(self, text: str) -> Any:
        return self.parse(text)

    def answer_schema(self) -> dict[str, Any]:
        """The form in answers, where that is not the one in requests."""
        return {"type": "string"} if self.as_text else self.schema()

    def schema(self) -> dict[str, Any]:
        base = self.shape()
        if self.nullable and isinstance(base.get("type"), str):
            base["type"] = [base["type"], "null"]
            if "enum" in base and None not in base["enum"]:
                base["enum"] = [*base["enum"], None]
        return base

    def shape(self) -> dict[str, Any]:
        raise NotImplementedError


class Text(FieldType):
    """A string of at most `length` characters, without control characters."""

    def __init__(self, length: int = 255, *, nullable: bool = False, empty: bool = True) -> None:
        super().__init__(nullable=nullable)
        self.length = length
        self.empty = empty

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Invalid(f"{quote(value)} is not a valid string")
        if len(value) > self.length:
            raise Invalid(f"{quote(value)} exceeds maximum length of {self.length}")
        if _CONTROL.search(value):
            raise Invalid(f"{quote(value)} contains control characters")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Invalid("the string is not valid Unicode: it contains a lone surrogate") from None
        if not self.empty and not value.strip():
            raise Invalid(f"{quote(value)} Blank strings are not permitted")
        return value

    length: int

    def from_query(self, text: str) -> str:
        return self.check(text) if text else ""

    def shape(self) -> dict[str, Any]:
        shape: dict[str, Any] = {"type": "string", "maxLength": self.length}
        if not self.empty:
            shape["minLength"] = 1
        return shape


class Name(Text):
    """A name: a string without white space at its ends."""

    def check(self, value: Any) -> str:
        name = super().check(value)
        if name != name.strip():
            raise Invalid(f"{quote(value)} is not a valid string: it has white space at its ends")
        return name


class Uuid(FieldType):
    length = 36

    def check(self, value: Any) -> str:
        if isinstance(value, str):
            try:
                if value.replace("-", "").lower() == uuid.UUID(value).hex:
                    return value
            except ValueError:
                pass
        raise Invalid(f"{quote(value)} is not a valid UUID")

    def from_query(self, text: str) -> str:
        return text

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "format": "uuid"}


class Bool(FieldType):
    column = "bool"
    _true: Final = frozenset(("true", "t", "yes", "y", "on", "1"))
    _false: Final = frozenset(("false", "f", "no", "n", "off", "0"))

    def check(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        text = str(value).strip().lower() if isinstance(value, str | int) else ""
        if text in self._true:
            return True
        if text in self._false:
            return False
        raise Invalid(f"{quote(value)} cannot be converted to boolean")

    def shape(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Int(FieldType):
    column = "int"

    def __init__(self, low: int = 0, high: int = 2**31 - 1, *, nullable: bool = False) -> None:
        super().__init__(nullable=nullable)
        self.low, self.high = low, high

    def check(self, value: Any) -> int:
        number = _integer(value)
        if number < self.low:
            raise Invalid(f"{quote(value)} is too small - must be at least '{self.low}'")
        if number > self.high:
            raise Invalid(f"{quote(value)} is too large - must be no larger than '{self.high}'")
        return number

    def from_query(self, text: str) -> int | None:
        return _number_to_find(text) if text else None

    def shape(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


class PrefixLength(Int):
    """How many bits of an address a prefix fixes; answers show it as text, as clients of subnet pools know it."""

    as_text = True

    def __init__(self) -> None:
        super().__init__(0, 2**63 - 1)


class OneOf(FieldType):
    """One of the given values; an integer may be written as a string, with `fold` a text in upper or lower case."""

    def __init__(self, *values: str | int, nullable: bool = False, fold: bool = False) -> None:
        super().__init__(nullable=nullable)
        self.values = values
        self.fold = fold
        self.column = "int" if isinstance(values[0], int) else "text"
        self.length = 64

    def check(self, value: Any) -> str | int:
        wanted = value
        if self.column == "int" and isinstance(value, str) and value.strip().isdecimal():
            wanted = int(value)
        if self.fold and isinstance(value, str):
            wanted = self._spelled(value)
        if isinstance(wanted, str | int) and not isinstance(wanted, bool) and wanted in self.values:
            return wanted
        raise Invalid(f"{quote(value)} is not in {list(self.values)}")

    def _spelled(self, text: str) -> str:
        return next((str(value) for value in self.values if str(value).lower() == text.lower()), text)

    def from_query(self, text: str) -> Any:
        """Other values than those that there are match nothing."""
        if self.column == "int":
            return _number_to_find(text) if text else None
        return self._spelled(text) if self.fold else text

    def shape(self) -> dict[str, Any]:
        return {"type": "integer" if self.column == "int" else "string", "enum": list(self.values)}


class Mac(FieldType):
    """An Ethernet address, kept as `fa:16:3e:00:00:01`: not all zero, not the broadcast address.

    `unicast` refuses multicast addresses too.
    """

    length = 17

    def __init__(self, *, nullable: bool = False, unicast: bool = False) -> None:
        super().__init__(nullable=nullable)
        self.unicast = unicast

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or not _MAC.fullmatch(value):
            raise Invalid(f"{quote(value)} is not a valid MAC address")
        digits = re.sub(r"[^0-9a-f]", "", value.lower())
        if digits in ("0" * 12, "f" * 12) or (self.unicast and int(digits[:2], 16) & 1):
            raise Invalid(f"{quote(value)} is not a valid MAC address: it must be the address of one card")
        return ":".join(digits[i : i + 2] for i in range(0, 12, 2))

    def from_query(self, text: str) -> str:
        return text.lower()

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$"}


class Ip(FieldType):
    """An IPv4 or IPv6 address in its canonical form, without a zone."""

    length = 45

    def check(self, value: Any) -> str:
        return str(parse_ip(value))

    def from_query(self, text: str) -> str:
        try:
            return self.check(text)
        except Invalid:
            return text

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "null"}, self.shape()]} if self.nullable else self.shape()


class Cidr(FieldType):
    """A network in CIDR notation.  `strict` refuses host bits, otherwise they are cut off.

    Where it is not strict, an address stands for its one-address network.
    """

    length = 64

    def __init__(self, *, nullable: bool = False, strict: bool = True) -> None:
        super().__init__(nullable=nullable)
        self.strict = strict

    def check(self, value: Any) -> str:
        if not self.strict and isinstance(value, str) and "/" not in value:
            address = parse_ip(value)
            return f"{address}/{address.max_prefixlen}"
        return str(parse_network(value, strict=self.strict))

    def from_query(self, text: str) -> str:
        return text

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": 64}


class DnsName(FieldType):
    """A host name or domain name (RFC 1035, RFC 1123): labels of letters, digits and hyphens, in lower case.

    `form`: a "host" name may end with a dot or not, a "relative" one does not, a "domain" does.  A label of a domain
    may be a keyword in angle brackets, such as `<project_id>`: each port's own words take its place.
    """

    length = 255

    def __init__(self, form: str = "host") -> None:
        super().__init__()
        self.form = form

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > 255:
            raise Invalid(f"{quote(value)} is not a valid DNS name of at most 255 characters")
        name = value.lower()
        labels = name.removesuffix(".").split(".") if name else []
        for label in labels:
            if self.form == "domain" and label in _KEYWORD_LABELS:
                continue
            if not _DNS_LABEL.fullmatch(label) or not label.isascii():
                raise Invalid(f"{quote(value)} not a valid PQDN or FQDN. Reason: label {quote(label)} is not allowed")
        if len(labels) > 1 and labels[-1].isdecimal():
            raise Invalid(f"{quote(value)} not a valid FQDN. Reason: the top-level domain must not be all digits")
        if name and self.form != "host" and name.endswith(".") != (self.form == "domain"):
            wanted = "end with a dot" if self.form == "domain" else "not end with a dot"
            raise Invalid(f"{quote(value)} is not allowed here: the name must {wanted}")
        return name

    def shape(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": 255}


def same_for_all(domain: str) -> str:
    """A domain without keywords; "" for one that is another for each port."""
    return "" if "<" in domain else domain


class Json(FieldType):
    """A structured value: `reader` parses and checks it, `shape_` describes it; kept as JSON."""

    column = "json"

    def __init__(self, reader: Callable[[Any], Any], shape: dict[str, Any], *, nullable: bool = False) -> None:
        super().__init__(nullable=nullable)
        self._reader = reader
        self._shape = shape

    def check(self, value: Any) -> Any:
        return self._reader(value)

    def shape(self) -> dict[str, Any]:
        return dict(self._shape)


def quote(value: object) -> str:
    """The value as an error shows it: in quotes, cut to a readable length."""
    text = str(value)
    return f"'{text if len(text) <= 300 else text[:300] + '…'}'".encode("utf-8", "replace").decode()


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", value):
        return int(value)
    raise Invalid(f"{quote(value)} is not an integer")


def _number_to_find(text: str) -> int:
    """An integer that a column can be compared with.  Raises `Invalid`."""
    number = _integer(text)
    if not -(2**63) <= number < 2**63:
        raise Invalid(f"{quote(text)} is not an integer of at most 64 bits")
    return number


def parse_ip(value: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address; octets with leading zeros, zones and masks are refused.  Raises `Invalid`."""
    if isinstance(value, str) and "%" not in value:
        try:
            return ipaddress.ip_address(value)
        except ValueError:
            pass
    raise Invalid(f"{quote(value)} is not a valid IP address")


def parse_network(value: Any, *, strict: bool = True) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A network with a prefix length.  Raises `Invalid`; `strict` refuses host bits and names the right form."""
    if not isinstance(value, str) or "%" in value or "/" not in value:
        raise Invalid(f"{quote(value)} is not a valid IP subnet")
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise Invalid(f"{quote(value)} is not a valid IP subnet") from None
    if strict and str(value).lower().split("/")[0] != str(network.network_address):
        given = ipaddress.ip_address(str(value).split("/")[0])
        if given != network.network_address:
            raise Invalid(f"{quote(value)} isn't a recognized IP subnet cidr, '{network}' is recommended")
    return network
