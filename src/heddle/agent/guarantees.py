"""What the settings say that this host can promise to ports.  Pure."""

from __future__ import annotations

from collections.abc import Iterable

from heddle.config import Agent
from heddle.errors import ConfigError
from heddle.view.types import Guarantees

_TUNNELS = "rp_tunnelled"
_DEFAULTS = {"allocation_ratio": 1.0, "reserved": 0}
_MOST = 2**31 - 1


def of_settings(agent: Agent, host: str) -> Guarantees:
    """Raises `ConfigError`."""
    providers = {text.partition(":")[2] for text in agent.mappings} | ({_TUNNELS} if agent.tunnel_ip else set())
    name = "resource_provider_bandwidths"
    bandwidths = _by_direction(name, agent.resource_provider_bandwidths)
    for provider in bandwidths:
        if provider not in providers:
            known = ", ".join(sorted(providers)) or "none"
            raise ConfigError(f"agent.{name}: this host has no {provider!r}; what can be promised of is: {known}")
    packets = "resource_provider_packet_processing"
    whole, halves = f"{packets}_without_direction", f"{packets}_with_direction"
    together = {name or host: rate for name, (rate,) in _parsed(whole, getattr(agent, whole), 1).items()}
    apart = {name or host: rates for name, rates in _by_direction(halves, getattr(agent, halves)).items()}
    if together and apart:
        raise ConfigError(f"agent.{whole} and agent.{halves}: write one of them, not both")
    defaults, packet_defaults = "resource_provider_inventory_defaults", f"{packets}_inventory_defaults"
    return Guarantees(
        bandwidths=bandwidths,
        bandwidth_defaults=_defaults(defaults, getattr(agent, defaults)),
        packets=together,
        packets_by_direction=apart,
        packet_defaults=_defaults(packet_defaults, getattr(agent, packet_defaults)),
    )


def _by_direction(name: str, texts: Iterable[str]) -> dict[str, dict[str, int]]:
    return {
        provider: dict(zip(("egress", "ingress"), numbers, strict=True))
        for provider, numbers in _parsed(name, texts, 2).items()
    }


def _parsed(name: str, texts: Iterable[str], count: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for text in texts:
        provider, *numbers = text.split(":")
        well = len(numbers) == count and all(each.isascii() and each.isdecimal() for each in numbers)
        if not well or provider in found or any(int(each) > _MOST for each in numbers):
            form = ":".join(["<name>", "<egress>", "<ingress>"] if count == 2 else ["<name>", "<rate>"])
            raise ConfigError(f"agent.{name}: {text!r}: expected {form}, whole numbers up to {_MOST}, each name once")
        found[provider] = [int(each) for each in numbers]
    return found


def _defaults(name: str, texts: Iterable[str]) -> dict[str, float]:
    found: dict[str, float] = dict(_DEFAULTS)
    for text in texts:
        key, _, number = text.partition(":")
        try:
            if key not in found or not 0 <= float(number) <= _MOST:
                raise ValueError
            found[key] = float(number) if key == "allocation_ratio" else int(number)
        except ValueError:
            raise ConfigError(
                f"agent.{name}: {text!r}: expected allocation_ratio:<number> or reserved:<whole number>"
            ) from None
    return found
