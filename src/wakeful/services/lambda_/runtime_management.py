"""Runtime management: with which version of its runtime a function runs.

"Understanding how Lambda manages runtime version updates": a host has one version of each runtime, the newest there is;
its ARN is a hash of its name. Auto and FunctionUpdate take what the host has. Manual holds a function to one version:
where the host has another by then, the function does not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wakeful.environments.version import runtime_version_arn
from wakeful.fabric.service import Call, Node
from wakeful.services.lambda_ import functions
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import InvalidParameterValueException, InvalidRuntimeException
from wakeful.services.lambda_.functions import Version
from wakeful.services.lambda_.references import LATEST, Reference, reference
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes

AUTO, MANUAL = "Auto", "Manual"


@dataclass(frozen=True, slots=True)
class Management:
    """How one version's runtime is chosen. `runtime` is the ARN of the runtime version it is held to."""

    mode: str = AUTO
    runtime: str | None = None


@api.waits
async def put_runtime_management_config(
    call: Call, node: Node, request: shapes.PutRuntimeManagementConfigRequest
) -> shapes.PutRuntimeManagementConfigResponse:
    """From now on the version's runtime is chosen so."""
    function = reference(call, request["FunctionName"], request.get("Qualifier"))
    wanted = Management(request["UpdateRuntimeOn"], request.get("RuntimeVersionArn"))
    if (wanted.mode == MANUAL) != (wanted.runtime is not None):
        raise InvalidParameterValueException(
            "RuntimeVersionArn is required when UpdateRuntimeOn is Manual."
            if wanted.runtime is None
            else "RuntimeVersionArn can only be provided when UpdateRuntimeOn is Manual."
        )
    version = await node.store.read(_found, function)
    if wanted.runtime is not None and wanted.runtime != await arn_here(node, version):
        raise InvalidParameterValueException(
            f"The runtime version {wanted.runtime} is not one of {version.config['Runtime']} that this host has."
        )
    await node.store.write(_put, function, wanted)
    answer: shapes.PutRuntimeManagementConfigResponse = {
        "UpdateRuntimeOn": wanted.mode,
        "FunctionArn": function.qualified,
        "RuntimeVersionArn": wanted.runtime,
    }
    return answer


@api.reads
def get_runtime_management_config(
    call: Call, tx: Tx, request: shapes.GetRuntimeManagementConfigRequest
) -> shapes.GetRuntimeManagementConfigResponse:
    """How it is chosen; Auto, as long as nobody said otherwise."""
    function = reference(call, request["FunctionName"], request.get("Qualifier"))
    version = _found(tx, function)
    management = _of(tx, version.function, version.version)
    return {
        "UpdateRuntimeOn": management.mode,
        "FunctionArn": function.qualified,
        "RuntimeVersionArn": management.runtime,
    }


async def check_pin(node: Node, version: Version) -> None:
    """Raises InvalidRuntimeException where the version is held to a runtime version that this host has no more."""
    held = (await node.store.read(_of, version.function, version.version)).runtime
    if held is not None and held != await arn_here(node, version):
        raise InvalidRuntimeException(
            f"The runtime version {held}, to which the function is held, is not on this host any more."
        )


async def arn_here(node: Node, version: Version) -> str | None:
    """The ARN of the version of its runtime that this host has; None where it has none."""
    region = version.function.split(":")[3]
    release = await node.runtimes.release(version.config["Runtime"])
    return None if release is None else runtime_version_arn(region, release)


def _put(tx: Tx, function: Reference, wanted: Management) -> None:
    tx.lock("lambda", function.arn)
    version = _found(tx, function)
    tx.run(
        "INSERT INTO lambda_runtime_management(function, version, mode, runtime) VALUES (?, ?, ?, ?)"
        " ON CONFLICT(function, version) DO UPDATE SET mode = excluded.mode, runtime = excluded.runtime",
        *(version.function, version.version, wanted.mode, wanted.runtime),
    )
    tx.wake(functions.CHANGED)


def _of(tx: Tx, function: str, version: str) -> Management:
    row = tx.one(
        "SELECT mode, runtime FROM lambda_runtime_management WHERE function = ? AND version = ?", function, version
    )
    return Management() if row is None else Management(row["mode"], row["runtime"])


def _found(tx: Tx, function: Reference) -> Version:
    """A version, by its number; what is managed is not an alias's."""
    return functions.find_version(tx, function, function.qualifier or LATEST)
