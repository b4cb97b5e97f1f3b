"""Lambda: functions, their versions and aliases, invocations, and the poller."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wakeful import limits
from wakeful.fabric.service import Call, Need, Request, Service, Worker
from wakeful.services.lambda_ import (
    attendant,
    events,
    functions,
    invoke,
    mapping_operations,
    operations,
    permissions,
    poller,
    runs,
)
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.references import reference


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """The rights Lambda asks for ("Actions, resources, and condition keys for AWS Lambda")."""
    action = "lambda:InvokeFunction" if operation == "Invoke" else f"lambda:{operation}"
    if "FunctionName" in request:
        function = reference(call, request["FunctionName"], request.get("Qualifier"))
        yield Need(action, function.qualified, {"lambda:FunctionArn": function.qualified})
    elif "UUID" in request:
        yield Need(action, call.arn("lambda", f"event-source-mapping:{request['UUID']}"))
    else:
        yield Need(action, "*")
    if "Role" in request:
        yield Need("iam:PassRole", request["Role"], {"iam:PassedToService": attendant.SERVICE})


service = Service(
    operations=api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    accept=events.accept,
    needs=needs,
    policy=permissions.policy,
    workers=(
        Worker(functions.PREPARE, runs.prepare, slots=4),
        Worker(events.KIND, events.carry_out, slots=limits.LAMBDA_EVENT_SLOTS),
    ),
    tasks=(poller.run,),
)

__all__ = ["attendant", "invoke", "mapping_operations", "operations", "service"]
