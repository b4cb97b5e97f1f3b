"""What a sandbox is given for one function version."""

from __future__ import annotations

from collections.abc import Mapping

from wakeful import limits
from wakeful.environments import extensions
from wakeful.environments.sandbox import Assignment, Limits
from wakeful.environments.version import Version


def of(
    version: Version, inside: Mapping[str, str], external: tuple[str, ...], *, may_be_template: bool = False
) -> Assignment:
    """`inside` are the variables of the runtime process, `external` the extensions beside it."""
    memory_mb = version.memory_mb + (limits.DEBUG_MEMORY_MB if version.debugger is not None else 0)
    return Assignment(
        code=version.code,
        layers=version.layers,
        variables=inside,
        limits=Limits(memory_mb=memory_mb, tmp_mb=version.tmp_mb, cores=version.cores),
        extensions=external,
        extension_variables=extensions.variables_of(inside) if external else {},
        tenant=version.arn,
        may_be_template=may_be_template and not external,
    )
