"""Lambda: functions, their versions and aliases, invocations, and the poller."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wakeful import limits
from wakeful.fabric.service import Call, Need, Request, Service, Worker
from wakeful.services.lambda_ import (
    attendant,
    capacity,
    capacity_operations,
    code_signing_operations,
    concurrency_operations,
    destinations,
    event_config_operations,
    events,
    functions,
    invoke,
    layer_operations,
    layers,
    managed,
    operations,
    permissions,
    provisioning,
    recursion_operations,
    resource_policy_operations,
    runs,
    runtime_management,
    scaling,
    snapshots,
    streaming,
    tag_operations,
    trials,
)
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.billing import bill, charges
from wakeful.services.lambda_.durable import callbacks as durable_callbacks
from wakeful.services.lambda_.durable import chains, executions, invocations, timers
from wakeful.services.lambda_.durable import operations as durable_operations
from wakeful.services.lambda_.references import reference
from wakeful.services.lambda_.replay_front import ReplayFront
from wakeful.services.lambda_.sources import mappings, poller
from wakeful.services.lambda_.sources import operations as source_operations
from wakeful.services.lambda_.urls import operations as url_operations
from wakeful.services.lambda_.urls.front import UrlFront
from wakeful.store.tx import Tx

_ACTIONS = {
    "Invoke": "lambda:InvokeFunction",
    "InvokeWithResponseStream": "lambda:InvokeFunction",
    "GetLayerVersionByArn": "lambda:GetLayerVersion",
}

_OF_MAPPINGS = frozenset(name for name in api.model.operation_names if "EventSourceMapping" in name)


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """The rights Lambda asks for ("Actions, resources, and condition keys for AWS Lambda")."""
    action = _ACTIONS.get(operation, f"lambda:{operation}")
    if operation in _OF_MAPPINGS:
        yield _need_of_mapping(call, operation, request)
    elif "FunctionName" in request:
        function = reference(call, request["FunctionName"], request.get("Qualifier"))
        context = {"lambda:FunctionArn": function.qualified}
        # AddPermission speaks of a URL's kind, the operations on URLs of their own.
        kind = request.get("FunctionUrlAuthType") or request.get("AuthType")
        if kind is not None:
            context["lambda:FunctionUrlAuthType"] = kind
        if "CodeSigningConfigArn" in request:
            context["lambda:CodeSigningConfigArn"] = request["CodeSigningConfigArn"]
        yield Need(action, function.qualified, context)
        if operation == "PutFunctionCodeSigningConfig":
            yield Need(action, request["CodeSigningConfigArn"])
    elif "CodeSigningConfigArn" in request:
        yield Need(action, request["CodeSigningConfigArn"])
    elif "DurableExecutionArn" in request:
        yield Need(action, request["DurableExecutionArn"])
    elif "CallbackId" in request:
        yield Need(action, executions.callback_of(request["CallbackId"])[0])
    elif "CapacityProviderName" in request:
        yield Need(action, capacity.arn_of(call, request["CapacityProviderName"]))
    elif "ResourceArn" in request:
        yield Need(action, request["ResourceArn"])
    elif "Resource" in request:
        yield Need(action, request["Resource"])
    elif "LayerName" in request:
        yield Need(action, _layer(call, request))
    elif "Arn" in request:
        yield Need(action, request["Arn"])
    else:
        yield Need(action, "*")
    for arn in request.get("Layers", ()):
        yield Need("lambda:GetLayerVersion", arn)
    if request.get("CapacityProviderConfig"):
        yield Need("lambda:PassCapacityProvider", managed.provider_of(request))
    if "PermissionsConfig" in request:
        operator = request["PermissionsConfig"]["CapacityProviderOperatorRoleArn"]
        yield Need("iam:PassRole", operator, {"iam:PassedToService": attendant.SERVICE})
    if "Role" in request:
        yield Need("iam:PassRole", request["Role"], {"iam:PassedToService": attendant.SERVICE})


def _need_of_mapping(call: Call, operation: str, request: Request) -> Need:
    """On the mapping, or on any where it is yet to be made or found; the function is a condition."""
    context = {}
    if "FunctionName" in request and operation != "ListEventSourceMappings":
        context["lambda:FunctionArn"] = reference(call, request["FunctionName"]).qualified
    resource = call.arn("lambda", f"event-source-mapping:{request['UUID']}") if "UUID" in request else "*"
    return Need(f"lambda:{operation}", resource, context)


def _layer(call: Call, request: Request) -> str:
    layer = layers.name_of(call.account, call.region, request["LayerName"]).arn
    return f"{layer}:{request['VersionNumber']}" if "VersionNumber" in request else layer


def policy(tx: Tx, arn: str) -> str | None:
    """The resource policy of a function, version, alias or layer version."""
    return permissions.policy(tx, arn) or layers.policy(tx, arn)


def first(tx: Tx) -> None:
    """What is told every hour is due, and what draws is tended."""
    charges.first(tx)
    mappings.first(tx)


service = Service(
    operations=api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    accept=events.accept,
    holds={
        "function": "SELECT count(*) AS n FROM lambda_functions",
        "mapping": "SELECT count(*) AS n FROM lambda_mappings",
    },
    needs=needs,
    policy=policy,
    fronts=(UrlFront(), ReplayFront()),
    workers=(
        Worker(functions.PREPARE, runs.prepare, slots=4),
        Worker(snapshots.KIND, runs.initialise, slots=limits.LAMBDA_SNAPSHOT_SLOTS),
        Worker(scaling.KIND, runs.staff, slots=limits.LAMBDA_MANAGED_SLOTS),
        Worker(capacity.KIND, capacity.settle, slots=1),
        Worker(
            events.KIND,
            events.carry_out,
            slots=limits.LAMBDA_EVENT_SLOTS,
            slots_max=limits.CONCURRENT_EXECUTIONS_MAX,  # more may not run anyway
        ),
        Worker(destinations.KIND, destinations.put_record, slots=limits.LAMBDA_RECORD_SLOTS),
        Worker(charges.KIND, charges.tell, slots=1, is_lazy=True),
        Worker(executions.RUN, invocations.carry_out, slots=limits.LAMBDA_DURABLE_SLOTS),
        Worker(executions.TIMER, timers.carry_out, slots=limits.LAMBDA_DURABLE_TIMER_SLOTS),
        Worker(chains.KIND, chains.carry_out, slots=limits.LAMBDA_DURABLE_SLOTS),
        Worker(trials.KIND, trials.end_due, slots=1),
    ),
    tasks=(poller.run, provisioning.run),
    pages={"bill": bill.answer},
    first=first,
)

__all__ = [
    "attendant",
    "capacity_operations",
    "code_signing_operations",
    "concurrency_operations",
    "durable_callbacks",
    "durable_operations",
    "event_config_operations",
    "invoke",
    "layer_operations",
    "operations",
    "recursion_operations",
    "resource_policy_operations",
    "runtime_management",
    "service",
    "source_operations",
    "streaming",
    "tag_operations",
    "url_operations",
]
