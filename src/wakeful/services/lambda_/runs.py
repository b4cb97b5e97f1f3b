"""From a row to a run: which version serves, what it may use, and what is noted of every run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wakeful import limits, names
from wakeful.environments.version import Invocation, Outcome, RestoreFailed, Sharing, Sink, Throttled, Version
from wakeful.fabric.service import Done, Node
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import (
    aliases,
    disturbed,
    functions,
    managed,
    measuring,
    provisioned,
    recorded,
    runtime_management,
    scaling,
    snapshots,
)
from wakeful.services.lambda_.billing import metering, price
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    InvalidRuntimeException,
    ResourceConflictException,
    SnapStartException,
    SnapStartTimeoutException,
)
from wakeful.services.lambda_.measuring import UnderWay
from wakeful.services.lambda_.references import Reference, of_arn
from wakeful.store import work
from wakeful.store.telemetry import Note
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Target:
    """What an invocation of a reference runs: one version, or by weight one of two."""

    versions: tuple[tuple[Version, float], ...]

    def pick(self) -> Version:
        """The version for one invocation."""
        if len(self.versions) == 1:
            return self.versions[0][0]
        left = names.draw()
        for version, share in self.versions:
            left -= share
            if left < 0:
                return version
        return self.versions[0][0]


async def target(node: Node, reference: Reference) -> Target:
    """What serves the reference, from memory until something changes. Waits while it is still being made.

    Raises ResourceNotFoundException, or what Lambda answers for a function that could not be made ready.
    """
    return await node.caches.get(functions.CHANGED, reference, lambda: _serving(node, reference))


async def _serving(node: Node, reference: Reference) -> Target:
    deadline = node.clock.now() + limits.LAMBDA_PENDING_PATIENCE_S
    with node.wakes.listen(functions.CHANGED) as listener:
        while True:
            rows, concurrency = await node.store.read(_rows, reference)
            unready = next((row for row, _ in rows if row.serving is None or row.state == "Deactivated"), None)
            if unready is None:
                for row, _ in rows:
                    await runtime_management.check_pin(node, row)
                return Target(tuple([(await _version(node, row, concurrency), weight) for row, weight in rows]))
            if unready.state != "Pending" or node.clock.now() >= deadline:
                raise _refusal(unready)
            await listener.wait(deadline)


@dataclass(frozen=True, slots=True)
class _Concurrency:
    """What is reserved for whom, what is provisioned for the reference, how much that is for all; and who pays."""

    reservations: Mapping[str, int]
    provisioned: str
    claimed: int
    sharing: Mapping[str, Sharing]
    """By version."""

    tags: str = "{}"


def _rows(tx: Tx, reference: Reference) -> tuple[list[tuple[functions.Version, float]], _Concurrency]:
    """The versions behind a reference, each with its share of the invocations."""
    is_provisioned = provisioned.get(tx, reference) is not None
    reservations = functions.reservations(tx, reference.account, reference.region)
    claimed = sum(reservations.values()) + provisioned.beside(tx, reference, reservations)
    rows = _shares(tx, reference)
    sharing = {row.version: scaling.sharing(tx, row) for row, _ in rows if managed.is_asked_for(row.config)}
    tags = metering.tags_shown(functions.tags_of(tx, reference.arn))
    return rows, _Concurrency(reservations, reference.qualifier if is_provisioned else "", claimed, sharing, tags)


def _shares(tx: Tx, reference: Reference) -> list[tuple[functions.Version, float]]:
    alias = aliases.get(tx, reference.arn, reference.qualifier) if reference.qualifier else None
    if alias is None:
        return [(scaling.invoked(tx, reference), 1.0)]
    others = [(functions.find_version(tx, reference, version), share) for version, share in alias.routing.items()]
    rest = 1.0 - sum(share for _, share in others)
    return [(functions.find_version(tx, reference, alias.version), rest), *others]


def for_tenant(version: Version, tenant: str | None) -> Version:
    """The version as this tenant's environments run it ("Isolate tenants in multi-tenant applications").

    Raises what Lambda answers where a tenant is missing, or named to a function that has none.
    """
    if version.is_per_tenant == (tenant is not None):
        return version if tenant is None else replace(version, tenant=tenant)
    if version.is_per_tenant:
        raise InvalidParameterValueException(
            "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request and try"
            " again."
        )
    raise InvalidParameterValueException(
        "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request and try"
        " again."
    )


def _refusal(row: functions.Version) -> Exception:
    if row.state == "Failed" and row.state_code == "InvalidRuntime":
        return InvalidRuntimeException(row.state_reason)
    return ResourceConflictException(
        f"The operation cannot be performed at this time. The function is currently in the following state: {row.state}"
    )


async def _version(node: Node, row: functions.Version, concurrency: _Concurrency) -> Version:
    """What an environment needs to know; the code is unpacked."""
    assert row.serving is not None
    config: Mapping[str, Any] = row.serving["config"]
    function = of_arn(row.function)
    logging = config.get("LoggingConfig") or {}
    version = Version(
        arn=row.function,
        name=function.name,
        version=row.version,
        account=function.account,
        region=function.region,
        revision=row.serving["revision"],
        runtime=config["Runtime"],
        handler=config["Handler"],
        code=await node.packages.unpacked(row.serving["code"]),
        layers=await node.packages.merged(row.serving["layers"]),
        role_arn=config["Role"],
        memory_mb=config["MemorySize"],
        timeout_s=config["Timeout"],
        tmp_mb=config["EphemeralStorage"]["Size"],
        variables=(config.get("Environment") or {}).get("Variables") or {},
        architecture=config["Architectures"][0],
        reservations=concurrency.reservations,
        claimed=concurrency.claimed,
        provisioned=concurrency.provisioned,
        is_snap_start=row.number > 0 and snapshots.is_asked_for(config) and not concurrency.provisioned,
        is_per_tenant="TenancyConfig" in config,
        sharing=concurrency.sharing.get(row.version),
        tags=concurrency.tags,
        durable=config.get("DurableConfig"),
        log_group=logging.get("LogGroup", ""),
        log_format=logging.get("LogFormat", "Text"),
        application_log_level=logging.get("ApplicationLogLevel", "INFO"),
        system_log_level=logging.get("SystemLogLevel", "INFO"),
    )
    return version if row.number else node.workshop.serving(version, row.serving["code"])


# --- getting ready ---------------------------------------------------------------------------------------------------


async def prepare(node: Node, item: work.Item) -> Done:
    """The worker that makes a version ready: its runtime is on this host, its package is unpacked."""
    which: dict[str, str] = item.body
    row = await node.store.read(functions.get_version, which["function"], which["version"])
    if row is None or row.revision != which["revision"]:
        return Done()
    reason = await node.environments.prepare(row.config["Runtime"], row.config["MemorySize"])
    if reason is not None:
        return Done(lambda tx: functions.failed(tx, **which, code="InvalidRuntime", reason=reason))
    version = await _version(
        node, replace(row, serving=functions.serving(row)), _Concurrency({}, "", 0, {})
    )  # unpacks it
    complaint = await node.environments.complaint(version)
    if complaint is not None:
        return Done(lambda tx: functions.failed(tx, **which, code="InvalidRuntime", reason=complaint))

    runtime = await runtime_management.arn_here(node, row)

    def ready(tx: Tx) -> None:
        if row.number > 0 and snapshots.is_asked_for(row.config):
            work.put(tx, snapshots.KIND, which)
        elif row.number != 0 and managed.is_asked_for(row.config):
            work.put(tx, scaling.KIND, which)
        else:
            functions.made_ready(tx, **which, runtime=runtime)

    if not managed.is_asked_for(row.config):  # else what serves until then stands ready until then
        node.environments.retire(which["function"], which["version"])
    return Done(ready)


async def initialise(node: Node, item: work.Item) -> Done:
    """The worker that runs INIT of a version with SnapStart once, before anybody can call it."""
    which: dict[str, str] = item.body
    row = await node.store.read(functions.get_version, which["function"], which["version"])
    if row is None or row.revision != which["revision"]:
        return Done()
    version = await _version(node, replace(row, serving=functions.serving(row)), _Concurrency({}, "", 0, {}))
    if not await node.environments.park(version):
        return Done(lambda tx: functions.failed(tx, **which, code="FunctionError", reason=snapshots.INIT_FAILED))

    runtime = await runtime_management.arn_here(node, row)

    def ready(tx: Tx) -> None:
        functions.made_ready(tx, **which, runtime=runtime)
        snapshots.put(tx, which["function"], which["version"])
        tx.wake(functions.CHANGED)  # also where it was deleted meanwhile: what is parked is of no use then

    return Done(ready)


async def staff(node: Node, item: work.Item) -> Done:
    """The worker that starts the environments of a version on managed instances, before anybody can call it."""
    which: dict[str, str] = item.body
    row, sharing = await node.store.read(_shared, which)
    if row is None or sharing is None or row.revision != which["revision"]:
        return Done()
    concurrency = _Concurrency({}, "", 0, {row.version: sharing})
    version = await _version(node, replace(row, serving=functions.serving(row)), concurrency)
    fault = await node.environments.crews.staff(version)
    if fault is not None:
        code, reason = scaling.failure(fault)
        return Done(lambda tx: functions.failed(tx, **which, code=code, reason=reason))
    runtime = await runtime_management.arn_here(node, row)
    return Done(lambda tx: functions.made_ready(tx, **which, runtime=runtime))


def _shared(tx: Tx, which: Mapping[str, str]) -> tuple[functions.Version | None, Sharing | None]:
    row = functions.get_version(tx, which["function"], which["version"])
    return row, None if row is None else scaling.sharing(tx, row)


# --- running ---------------------------------------------------------------------------------------------------------


async def run(node: Node, version: Version, invocation: Invocation, *traces: Trace) -> Outcome:
    """One invocation, measured, and noted in every story it belongs to, with what it used and what it costs.

    Where a chaos experiment is on the function or its mapping, it may be another, or happen twice.
    """
    if node.chaos.running:
        return await disturbed.run(node, version, invocation, traces, _run)
    return await _run(node, version, invocation, *traces)


async def _run(node: Node, version: Version, invocation: Invocation, *traces: Trace) -> Outcome:
    invocation = recorded.overhear(node, invocation)
    under_way = UnderWay(node, version, invocation)
    try:
        outcome = await node.environments.invoke(version, invocation)
    except Throttled:
        under_way.throttled()
        raise
    except RestoreFailed as failure:
        under_way.lost()
        raise not_restored(failure) from failure
    except BaseException:
        under_way.lost()
        raise
    _note_in_the_end(node, version, invocation, traces, outcome, under_way)
    return outcome


def start(node: Node, version: Version, invocation: Invocation, *traces: Trace) -> asyncio.Task[Outcome]:
    """As `run`, while the caller does something else. It is noted whether or not the caller stays."""
    invocation = recorded.overhear(node, invocation)
    under_way = UnderWay(node, version, invocation)

    def over(done: asyncio.Task[Outcome]) -> None:
        if not done.cancelled() and done.exception() is None:
            _note_in_the_end(node, version, invocation, traces, done.result(), under_way)
        elif not done.cancelled() and isinstance(done.exception(), Throttled):
            under_way.throttled()
        else:
            under_way.lost()

    run = node.environments.start(version, invocation)
    run.add_done_callback(over)
    return run


def not_restored(failure: RestoreFailed) -> SnapStartException | SnapStartTimeoutException:
    """The function's own code failed before it could have the event."""
    return SnapStartTimeoutException() if failure.status == "timeout" else SnapStartException()


def _note_in_the_end(
    node: Node,
    version: Version,
    invocation: Invocation,
    traces: tuple[Trace, ...],
    outcome: Outcome,
    under_way: UnderWay,
) -> None:
    if outcome.final is None:
        under_way.over(outcome)
        _note(node, version, invocation, traces, outcome)
        return

    def over(final: asyncio.Future[Outcome]) -> None:
        under_way.over(final.result(), answered=outcome)
        _note(node, version, invocation, traces, final.result())

    outcome.final.add_done_callback(over)  # the caller has what it asked for; extensions cost until they are done


def _note(node: Node, version: Version, invocation: Invocation, traces: tuple[Trace, ...], outcome: Outcome) -> None:
    units = metering.units(version, invocation, outcome)
    usd = price.usd(units)
    node.telemetry.usage.add(metering.consumer(version), outcome.started_at, units)
    measuring.charged(node, version, outcome, usd)
    recorded.record(node, version, invocation, outcome)
    detail = {
        "version": version.version,
        "runtime": version.runtime,
        "cold": outcome.cold,
        "provisioned": outcome.is_provisioned,
        "init_ms": outcome.init_ms,
        **({} if outcome.restore_ms is None else {"restore_ms": outcome.restore_ms}),
        "billed_ms": outcome.billed_ms,
        "memory_mb": outcome.memory_mb,
        "memory_used_mb": outcome.memory_used_mb,
        "gb_s": 0.0 if outcome.is_shared else outcome.billed_ms * outcome.memory_mb / price.MB_MS_PER_GB_S,
        "usd": usd,
        "units": units,
        "environment": outcome.environment_id,
        "log_group": version.logs_to,
        "log_stream": outcome.log_stream,
        **({} if invocation.replay_of is None else {"replay_of": invocation.replay_of}),
    }
    for trace in {trace.id: trace for trace in traces}.values():
        node.telemetry.note(
            Note(
                id=invocation.request_id,
                trace=trace.id,
                cause=trace.cause,
                hops=trace.hops,
                kind="run",
                name=version.name,
                resource=invocation.invoked_arn,
                account=version.account,
                at=outcome.started_at,
                duration_ms=outcome.duration_ms,
                status="ok" if outcome.error is None else (outcome.error_type or outcome.error),
                detail=detail,
            )
        )


def invocation_of(
    trace: Trace,
    payload: bytes,
    invoked_arn: str,
    *,
    request_id: str,
    client_context: str | None = None,
    tenant: str | None = None,
    log_tail: bool = False,
    sink: Sink | None = None,
    kind: str = "RequestResponse",
    source: str = "",
    replay_of: str | None = None,
) -> Invocation:
    """One event for a function; what the function does is one hop further from where the story began."""
    return Invocation(
        request_id=request_id,
        payload=payload,
        invoked_arn=invoked_arn,
        trace=effects(trace, request_id, invoked_arn),
        client_context=client_context,
        tenant_id=tenant,
        log_tail=log_tail,
        sink=sink,
        kind=kind,
        source=source,
        replay_of=replay_of,
    )


def effects(trace: Trace, request_id: str, invoked_arn: str) -> Trace:
    """The trace of what a run sets off: it has come through the function once more, whichever version that was."""
    function = ":".join(invoked_arn.split(":", 7)[:7])
    return trace.caused_by(request_id, hops=1).through(function)
