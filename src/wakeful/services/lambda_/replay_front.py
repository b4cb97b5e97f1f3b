"""Past invocations: shown, and run again. What `wakeful event` and `wakeful replay` ask, below /_wakeful/lambda/.

    GET    recorded/{request id}                   the event, the answer, and what the run took
    GET    recorded?function=…&last_s=…&failed=1   the latest invocations of a function, newest first
    POST   replays  {"request_id": …, "qualifier": …, "trial": …}: runs the event again and tells as of a recorded one
    POST   trials?function=…  a package: code to be tried on past events
    DELETE trials/{id}

Requests are signed like those to Lambda, by somebody of the function's own account who may both look at the function
and invoke it; to try code one must be allowed to update it. Out of a sandbox nothing of this can be asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson

from wakeful import limits, names
from wakeful.environments.version import Throttled
from wakeful.fabric.front import Arrival, Place, place_below
from wakeful.fabric.service import Call, Need, Node
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_ import invoke, recorded, runs, trials
from wakeful.services.lambda_.durable import invocations
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    InvalidRequestContentException,
    RequestEntityTooLargeException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.packages import package_of
from wakeful.services.lambda_.references import Reference, of_arn, reference
from wakeful.services.lambda_.trials import Trial
from wakeful.store.telemetry import RECORDED, Note, Recording
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest, HttpResponse

PATH = "/_wakeful/lambda/"

Answer = dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ReplayFront:
    """Lambda's front for past invocations."""

    operation: str = "Invoke"
    body_bytes_max: int = limits.LAMBDA_UPLOAD_BYTES_MAX

    def too_large(self) -> AwsError:
        return RequestEntityTooLargeException(f"A package that is sent has up to {self.body_bytes_max} bytes")

    def place_of(self, http: HttpRequest) -> Place | None:
        return place_below(PATH, http)

    async def answer(self, node: Node, arrival: Arrival) -> HttpResponse:
        arrival.from_outside()
        signer = await arrival.signer()
        call = Call(
            account=signer.principal.account,
            region=signer.region,
            principal=signer.principal,
            request_id=arrival.request_id,
            trace=arrival.trace,
            endpoint=f"{arrival.scheme}://{arrival.http.headers.get('host', '127.0.0.1')}",
            source_ip=arrival.source_ip,
        )
        found = await _answer(node, call, arrival.http, arrival.place.id)
        if found is None:
            raise ResourceNotFoundException(f"There is no {arrival.http.method} {arrival.http.path}.")
        return HttpResponse(200, {"content-type": "application/json"}, orjson.dumps(found))


async def _answer(node: Node, call: Call, http: HttpRequest, route: str) -> Answer:
    query = {name: values[-1] for name, values in parse_qs(http.query).items()}
    kind, _, name = route.partition("/")
    match http.method, kind, bool(name):
        case "GET", "recorded", True:
            run, recording = await _find(node, call, name)
            return {**recorded.figures_of_note(run), **recorded.described(recording)}
        case "GET", "recorded", False:
            return await _list(node, call, query)
        case "POST", "replays", False:
            return await _replay(node, call, _document(http.body))
        case "POST", "trials", False:
            return await _try(node, call, query, http.body)
        case "DELETE", "trials", True:
            return await _end(node, call, name)
    return None


async def _find(node: Node, call: Call, request_id: str) -> tuple[Note, Recording]:
    """The last run of that event. Raises ResourceNotFoundException, which says why there is none."""
    run = next((each for each in await node.telemetry.attempts_of(request_id) if each.account == call.account), None)
    if run is None:
        raise ResourceNotFoundException(f"No invocation with the request id {request_id} is known.")
    await _check(node, call, of_arn(run.resource))
    recording = await node.telemetry.recording(run)
    if recording is None and RECORDED not in run.detail:
        raise ResourceNotFoundException(f"The invocation {request_id} was not recorded.")
    if recording is None:
        raise ResourceNotFoundException(f"What was recorded of the invocation {request_id} is not kept any more.")
    return run, recording


async def _check(node: Node, call: Call, function: Reference, *more: str) -> None:
    """Raises ResourceNotFoundException for functions of others, AccessDenied for who may not."""
    if function.account != call.account:
        raise ResourceNotFoundException(f"Function not found: {function.qualified}")
    context = {"lambda:FunctionArn": function.qualified}
    actions = ("lambda:GetFunction", "lambda:InvokeFunction", *more)
    await node.authorizer.check_call(call, [Need(action, function.qualified, context) for action in actions])


async def _list(node: Node, call: Call, query: Mapping[str, str]) -> dict[str, Any]:
    function = reference(call, query.get("function", ""))
    await _check(node, call, function)
    limit = _limit(query.get("limit", str(limits.RECORDED_LISTED_MAX)))
    failed = query.get("failed") == "1"
    since = node.clock.now() - _seconds(query.get("last_s", str(limits.RECORD_AGE_S)))
    found = await node.telemetry.recorded(function.arn, since, limit, failed=failed)
    listed: dict[str, dict[str, Any]] = {}
    for each in found:
        if each.request_id in listed:
            continue
        latest = await node.telemetry.attempts_of(each.request_id) if failed else []
        if latest and latest[0].status == "ok":
            continue  # it was tried again, and went well
        listed[each.request_id] = recorded.described(each)
    return {"recorded": list(listed.values())}


async def _replay(node: Node, call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    run, past = await _find(node, call, _text(request, "request_id"))
    as_then = of_arn(run.resource)
    function = reference(call, as_then.arn, _text(request, "qualifier") or as_then.qualifier or None)
    await _check(node, call, function)
    version = runs.for_tenant((await runs.target(node, function)).pick(), past.tenant)
    if past.kind == invocations.KIND or version.durable is not None:
        raise InvalidParameterValueException(
            "An invocation of a durable execution cannot be replayed: its steps and its checkpoint token are of that"
            " execution. Wakeful does not replay durable executions yet; to begin another one with the same input,"
            " invoke the function with what get-durable-execution shows as InputPayload."
        )
    if trial_id := _text(request, "trial"):
        trial = await node.store.write(trials.use, trial_id, function)
        version = await trials.version_with(node, version, trial)
    trace = Trace(run.trace, past.request_id, run.hops)
    invocation = runs.invocation_of(
        trace,
        past.event,
        function.qualified,
        request_id=names.new_uuid(),
        client_context=past.client_context,
        tenant=past.tenant,
        sink=recorded.Overheard(node.telemetry.recorder) if past.kind.endswith("Stream") else None,
        kind=past.kind,
        source=past.source,
        replay_of=past.request_id,
    )
    try:
        outcome = await runs.run(node, version, invocation, trace)
    except Throttled as refusal:
        raise invoke.too_many(refusal) from refusal
    told = recorded.described(recorded.of_run(version, invocation, outcome))
    return {**recorded.figures(trace.id, version, invocation, outcome), **told}


async def _try(node: Node, call: Call, query: Mapping[str, str], package: bytes) -> dict[str, Any]:
    function = reference(call, query.get("function", ""), query.get("qualifier"))
    await _check(node, call, function, "lambda:UpdateFunctionCode")
    code = await package_of(call, node, {"ZipFile": package}, "UpdateFunctionCode")
    trial: Trial = await node.store.write(trials.begin, function, code)
    return {"trial": trial.id, "sha256": code.sha256}


async def _end(node: Node, call: Call, trial_id: str) -> dict[str, Any]:
    trial = await node.store.read(trials.get, trial_id)
    if trial is None or trial.account != call.account:
        raise ResourceNotFoundException(f"There is no such trial: {trial_id}")
    await _check(node, call, of_arn(trial.function), "lambda:UpdateFunctionCode")
    await node.store.write(trials.end, trial_id)
    trials.retire(node, trial)
    return {"trial": trial_id}


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestContentException(f"Could not parse request body into json: {error}") from error
    if not isinstance(document, dict):
        raise InvalidRequestContentException("The request body is a JSON object.")
    return document


def _text(request: Mapping[str, Any], name: str) -> str:
    """A member of a request; "" where it is missing."""
    text = request.get(name) or ""
    if not isinstance(text, str) or "\0" in text:
        raise InvalidParameterValueException(f"{name} is a text")
    return text


def _limit(text: str) -> int:
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if not 1 <= limit <= limits.RECORDED_LISTED_MAX:
        raise InvalidParameterValueException(f"limit is a number from 1 to {limits.RECORDED_LISTED_MAX}")
    return limit


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InvalidParameterValueException("last_s is a number of seconds")
    return seconds
