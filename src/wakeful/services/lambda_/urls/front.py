"""Calls of functions by HTTP: a request to a function URL becomes an event, and the function's result an answer."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from wakeful import limits, names
from wakeful.environments.version import Outcome, Throttled
from wakeful.fabric.front import Arrival, Place, Signer
from wakeful.fabric.service import Call, Need, Node, Principal
from wakeful.services.lambda_ import functions, invoke, measuring, runs
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.durable import invocations
from wakeful.services.lambda_.errors import RequestTooLargeException
from wakeful.services.lambda_.streaming import Pieces
from wakeful.services.lambda_.urls import addresses as addresses
from wakeful.services.lambda_.urls import answers as answers
from wakeful.services.lambda_.urls import cors as cors
from wakeful.services.lambda_.urls import requests as requests
from wakeful.services.lambda_.urls import stream as stream
from wakeful.services.lambda_.urls.addresses import Url
from wakeful.store.telemetry import Note
from wakeful.wire.errors import AccessDenied, AwsError, MissingAuthenticationToken, SignatureDoesNotMatch
from wakeful.wire.message import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

_ANYBODY = Principal("anonymous", "*", "anonymous")
_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see:"
    " https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


@dataclass(frozen=True, slots=True)
class UrlFront:
    """Lambda's front: all function URLs of the node."""

    operation: str = "Invoke"
    body_bytes_max: int = limits.LAMBDA_SYNCHRONOUS_BYTES_MAX

    def too_large(self) -> AwsError:
        return RequestTooLargeException(
            f"Request must be smaller than {limits.LAMBDA_SYNCHRONOUS_BYTES_MAX} bytes for the InvokeFunction operation"
        )

    def place_of(self, http: HttpRequest) -> Place | None:
        return addresses.place_of(http.headers.get("host", ""), http.path)

    async def answer(self, node: Node, arrival: Arrival) -> HttpResponse:
        """What the function answers. What a browser may is answered for the function, where CORS is configured."""
        begun = time.perf_counter()
        http = arrival.http
        url = await node.caches.get(
            functions.CHANGED, ("url", arrival.place.id), lambda: node.store.read(addresses.get, arrival.place.id)
        )
        if url is None:
            headers = {"content-type": "application/json", "x-amzn-errortype": "AccessDeniedException"}
            return HttpResponse(403, headers, b'{"Message":null}')
        if url.cors is not None and cors.is_preflight(http.method, http.headers):
            return HttpResponse(200, more_headers=cors.preflight(url.cors, http.headers))
        try:
            response = await self._invoke(node, url, arrival)
        except AwsError as error:
            _note_refusal(node, url, arrival, error)
            measuring.answered(node, url.reference, begun, _status_of(error))
            raise
        measuring.answered(node, url.reference, begun, response.status)
        response.more_headers += cors.added(url.cors, http.headers)
        return response

    async def _invoke(self, node: Node, url: Url, arrival: Arrival) -> HttpResponse:
        signer = await _admitted(node, url, arrival)
        version = runs.for_tenant((await runs.target(node, url.reference)).pick(), None)
        event = requests.event_of(url, arrival, signer, node.clock.now())
        if len(event) > self.body_bytes_max:
            raise self.too_large()
        pieces = Pieces() if url.is_streamed else None
        invocation = runs.invocation_of(
            arrival.trace.without_lineage(),
            event,
            url.reference.qualified,
            request_id=arrival.request_id,
            sink=pieces,
            kind="FunctionUrl" if pieces is None else "FunctionUrlStream",
            source=arrival.source_ip if signer is None else signer.principal.arn,
        )
        if pieces is not None:
            return await stream.answer(node, version, invocation, pieces, arrival.trace)
        try:
            outcome = await invocations.run(node, version, invocation, arrival.trace)
        except Throttled as refusal:
            raise invoke.too_many(refusal) from refusal
        return _answer(url, outcome)


def _status_of(error: AwsError) -> int:
    """That the client gets to see."""
    shape = api.model.shape_for(error.shape_name) if error.shape_name in api.model.shape_names else None
    known = {} if shape is None else shape.metadata.get("error", {})
    return int(error.status or known.get("httpStatusCode", 400))


def _answer(url: Url, outcome: Outcome) -> HttpResponse:
    """What became of the invocation, for an HTTP client, in InvokeMode BUFFERED."""
    if outcome.error is not None:
        return answers.refusal()
    try:
        return answers.answer_of(outcome.payload)
    except answers.Malformed as fault:
        log.warning("%s answered its URL with what is no answer: %s", url.reference.qualified, fault)
        return answers.refusal()


async def _admitted(node: Node, url: Url, arrival: Arrival) -> Signer | None:
    """Who signed the request, if anybody had to. Raises AwsError for whom the function's policy does not let in."""
    signer: Signer | None = None
    if url.is_signed:
        signer = await _signer(arrival)
    function = url.reference
    call = Call(
        account=function.account,
        region=function.region,
        principal=_ANYBODY if signer is None else signer.principal,
        request_id=arrival.request_id,
        trace=arrival.trace,
        endpoint=f"{arrival.scheme}://{arrival.http.headers.get('host', '127.0.0.1')}",
        source_ip=arrival.source_ip,
    )
    # Both are asked for since October 2025 ("Control access to Lambda function URLs").
    kind = {"lambda:FunctionUrlAuthType": url.config["AuthType"], "lambda:FunctionArn": function.qualified}
    needs = (
        Need("lambda:InvokeFunctionUrl", function.qualified, kind),
        Need("lambda:InvokeFunction", function.qualified, {"lambda:InvokedViaFunctionUrl": "true"}),
    )
    try:
        await node.authorizer.check_call(call, needs)
    except AccessDenied as error:
        raise AccessDenied(_FORBIDDEN) from error
    return signer


async def _signer(arrival: Arrival) -> Signer:
    try:
        signer = await arrival.signer()
    except MissingAuthenticationToken as error:
        raise AccessDenied(_FORBIDDEN) from error
    declared = arrival.http.headers.get("x-amz-content-sha256", "")
    if arrival.http.body and declared.startswith(("UNSIGNED-", "STREAMING-")):
        raise SignatureDoesNotMatch()  # Lambda takes no body that was not signed
    return signer


def _note_refusal(node: Node, url: Url, arrival: Arrival, error: AwsError) -> None:
    """A request that runs nothing is in the story as a call that was refused."""
    trace = arrival.trace
    node.telemetry.note(
        Note(
            id=arrival.request_id,
            trace=trace.id,
            cause=trace.cause,
            hops=trace.hops,
            kind="call",
            name="lambda:InvokeFunctionUrl",
            resource=names.parse_arn(url.reference.arn).name,
            account=url.reference.account,
            at=node.clock.now(),
            status=error.shape_name,
            detail={"url": url.id, "reason": str(error.__cause__ or error)},
        )
    )
