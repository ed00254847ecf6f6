"""The settings can be read: every section and name is known, and every value is one."""

from __future__ import annotations

from dataclasses import replace

from heddle.checks.base import Check, Finding, Level, OnOpenStack, failure, well
from heddle.checks.context import Context
from heddle.checks.openstack.context import OpenStack
from heddle.checks.openstack.holes import holes
from heddle.checks.openstack.service import Service


def check(context: Context) -> Finding:
    if context.problem:
        return failure(context.problem, evidence=context.file)
    context.settings  # noqa: B018
    return well(f"{context.file or 'no settings file: the defaults'} and the environment are understood", context.file)


def openstack(cloud: OpenStack) -> list[Finding]:
    return [finding for service in cloud.services for finding in _of(service)]


def _of(service: Service) -> list[Finding]:
    if service.problem:
        return [failure(service.problem, evidence=service.shown)]
    bad = [replace(each, details=f"{service.name}: {each.details}") for each in holes(service)]
    return bad or [well(f"{service.shown} has what {service.name} needs to be looked at", service.shown)]


CHECK = Check(
    id="configuration-settings",
    title="The settings are understood",
    reads="the settings file, the environment, and --set",
    severity=Level.FAILURE,
    remedy="Correct the name or the value that is told; docs/operations.md says where settings are read from.",
    check=check,
    openstack=OnOpenStack(
        openstack,
        "the files of --neutron-conf and --nova-conf: [database], [api_database], transport_url, "
        "[oslo_messaging_rabbit], [keystone_authtoken] and how long one may be silent",
        "Correct the option that is told. What other files, --config-dir or the environment say is not seen: name each "
        "file, in the order of --config-file.",
    ),
)
