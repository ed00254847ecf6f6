"""Port security: anti-spoofing on or off, the groups, and the address pairs that a port may use besides its own."""

from __future__ import annotations

import msgspec

from heddle.control import security_groups
from heddle.control.context import Context
from heddle.errors import BadRequest, Conflict
from heddle.model.network import Network
from heddle.model.port import Port, is_own
from heddle.model.values import AddressPair


def fill_in(ctx: Context, network: Network, port: Port, given: frozenset[str]) -> None:
    """Port security as asked, else as the network has it; the default group where none is named."""
    if "port_security_enabled" not in given:
        port.port_security_enabled = network.port_security_enabled and not is_own(port)
    if "security_groups" in given:
        security_groups.check_usable(ctx, port.security_groups)
    elif port.port_security_enabled and not is_own(port) and port.project_id:
        port.security_groups = [security_groups.ensure_default(ctx, port.project_id)]
    check(port)


def check(port: Port) -> None:
    """A port without port security has neither groups nor address pairs.  Raises `Conflict`."""
    if port.port_security_enabled:
        return
    if port.security_groups:
        raise Conflict(
            "PortSecurityPortHasSecurityGroup",
            "Port has security group associated. Cannot disable port security or ip address until security group is "
            "removed.",
        )
    if port.allowed_address_pairs:
        raise Conflict(
            "AddressPairAndPortSecurityRequired",
            "Port Security must be enabled in order to have allowed address pairs on a port.",
        )


def complete_pairs(ctx: Context, port: Port) -> list[AddressPair]:
    """The allowed address pairs, with the port's own MAC address where none is given.  Raises `BadRequest`."""
    limit = ctx.settings.network.max_allowed_address_pairs
    if len(port.allowed_address_pairs) > limit:
        raise BadRequest(
            "AllowedAddressPairExhausted", f"The number of allowed address pair exceeds the maximum {limit}."
        )
    return [
        pair if pair.mac_address else msgspec.structs.replace(pair, mac_address=port.mac_address)
        for pair in port.allowed_address_pairs
    ]
