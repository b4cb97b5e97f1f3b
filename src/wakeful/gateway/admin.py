"""What AWS has no API for: is the node well, what time is it there, who caused what. All below `/_wakeful/`.

    GET  /_wakeful/health            {"status": "ready", "version": …, "node": …}
    GET  /_wakeful/clock             {"now": epoch seconds, "offset_s": …}
    POST /_wakeful/clock             {"advance_s": seconds}: moves the clock, and answers when all due work was done
    GET  /_wakeful/notes?kind=run&name=…&limit=…          the latest notes, newest first
    GET  /_wakeful/packages/{ticket}   a function's code, for whom GetFunction gave the address
    GET  /_wakeful/dev/{ARN}         {"is_worked_on": …}
    POST /_wakeful/dev/{ARN}         somebody works on a function, as long as the answer is read: lines of JSON
    PUT  /_wakeful/dev/{ARN}         and has saved these files
    GET  /_wakeful/traces/{trace id, or the id of a note}  one story, in order of time
    GET  /_wakeful/{page}            what a service tells there: Lambda its `bill`
    GET, POST, DELETE /_wakeful/chaos  what shall go wrong on purpose: see `fabric/chaos/page.py`

Nothing of this can be reached from inside a sandbox. Beyond loopback it needs a signature by the root of an account.
To work on a function one has to be on this machine, and, once a root has a key, to sign with it. To begin or end chaos
one has to sign then, too. Whoever has to sign has to do with experiments of the own account alone.
Function URLs, which may be below it, too, are answered before and elsewhere (`fronts.py`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

import orjson

from wakeful import __version__
from wakeful.clock import Clock
from wakeful.fabric.page import Unclear
from wakeful.store.blobs import Blobs
from wakeful.store.telemetry import Note, Telemetry
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest, HttpResponse

_STATUS = {"ResourceNotFoundException": 404, "ResourceConflictException": 409}
_LIMIT_MAX = 1000
_ADVANCE_MAX_S = 10 * 366 * 86_400.0


class Tickets(Protocol):
    """Who may have which package."""

    def admits(self, ticket: str, now: float) -> str | None: ...


class Saved(Protocol):
    """What became of a save."""

    @property
    def serves(self) -> bool: ...

    @property
    def took_ms(self) -> float: ...

    @property
    def fault(self) -> Mapping[str, Any] | None: ...


class Developing(Protocol):
    """Working on functions."""

    def is_worked_on(self, arn: str) -> bool: ...

    async def begin(self, arn: str, document: Any) -> AsyncIterator[dict[str, Any] | None]: ...

    async def save(self, arn: str, document: Any) -> Saved: ...


class AdminNode(Protocol):
    """What this page needs of the node."""

    id: str
    clock: Clock
    telemetry: Telemetry
    blobs: Blobs

    @property
    def packages(self) -> Tickets: ...

    @property
    def pages(self) -> Mapping[str, Callable[[str, Mapping[str, str]], Awaitable[Any]]]: ...

    @property
    def developing(self) -> Developing: ...

    @property
    def disturb(self) -> Callable[[str, str, Mapping[str, str], bytes, str | None], Awaitable[Any]]: ...

    async def advance(self, seconds: float) -> None: ...

    async def describe(self) -> dict[str, Any]: ...


class Admin:
    def __init__(self, node: AdminNode) -> None:
        self._node = node

    async def answer(
        self,
        http: HttpRequest,
        body: bytes,
        *,
        is_inside: bool,
        has_left: Callable[[], bool],
        signer: str | None = None,
    ) -> HttpResponse:
        """The response. Who asks from inside a sandbox is told nothing, unless GetFunction gave the address.

        `signer` is the account whose root signed the request, where it had to be signed.
        """
        route = http.path.removeprefix("/_wakeful").strip("/")
        name, _, rest = route.partition("/")
        if (http.method, name) == ("GET", "packages"):
            return await self._package(rest)
        if is_inside:
            return _json(403, {"message": "this cannot be asked from inside a function"})
        if name == "dev" and http.method in ("GET", "POST", "PUT"):
            return await self._develop(http.method, unquote(rest), body, has_left)
        if name == "chaos":
            return await _answered(self._node.disturb(http.method, unquote(rest), _query(http), body, signer))
        handler: Callable[[str, HttpRequest, bytes], Awaitable[Any]] | None = {
            ("GET", "health"): self._health,
            ("GET", "clock"): self._time,
            ("POST", "clock"): self._advance,
            ("GET", "notes"): self._notes,
            ("GET", "traces"): self._trace,
        }.get((http.method, name))
        if handler is None and http.method == "GET" and name in self._node.pages:
            handler = self._page
        if handler is None:
            return _json(404, {"message": f"there is no {http.method} {http.path}"})
        return await _answered(handler(unquote(rest), http, body))

    async def _package(self, ticket: str) -> HttpResponse:
        key = self._node.packages.admits(ticket, self._node.clock.now())
        if key is None:
            return _json(403, {"message": "this address is not good, or not good any more"})
        return HttpResponse(200, {"content-type": "application/zip"}, stream=self._node.blobs.pieces(key))

    async def _develop(self, method: str, arn: str, body: bytes, has_left: Callable[[], bool]) -> HttpResponse:
        if method == "GET":
            return _json(200, {"is_worked_on": self._node.developing.is_worked_on(arn)})
        try:
            document = orjson.loads(body)
            if method == "POST":
                told = await self._node.developing.begin(arn, document)
                return HttpResponse(200, {"content-type": "application/x-ndjson"}, stream=_lines(told, has_left))
            saved = await self._node.developing.save(arn, document)
        except orjson.JSONDecodeError:
            return _json(400, {"message": "send JSON"})
        except AwsError as error:
            return _json(_STATUS.get(error.shape_name, 400), {"message": error.message})
        return _json(200, {"serves": saved.serves, "took_ms": saved.took_ms, "fault": saved.fault})

    async def _health(self, rest: str, http: HttpRequest, body: bytes) -> dict[str, Any]:
        return {"status": "ready", "version": __version__, "node": self._node.id, **await self._node.describe()}

    async def _time(self, rest: str, http: HttpRequest, body: bytes) -> dict[str, Any]:
        return {"now": self._node.clock.now(), "offset_s": self._node.clock.offset_s}

    async def _advance(self, rest: str, http: HttpRequest, body: bytes) -> dict[str, Any]:
        await self._node.advance(_seconds(body))
        return await self._time(rest, http, body)

    async def _notes(self, rest: str, http: HttpRequest, body: bytes) -> dict[str, Any]:
        query = _query(http)
        limit = query.get("limit", "50")
        if not limit.isdecimal() or len(limit) > 9 or not 1 <= int(limit) <= _LIMIT_MAX:
            raise Unclear(f"limit is a number from 1 to {_LIMIT_MAX}")
        notes = await self._node.telemetry.recent_notes(
            account=query.get("account"), kind=query.get("kind"), name=query.get("name"), limit=int(limit)
        )
        return {"notes": [dataclasses.asdict(note) for note in notes], "recorded": await self._recorded(notes)}

    async def _page(self, rest: str, http: HttpRequest, body: bytes) -> Any:
        name = http.path.removeprefix("/_wakeful").strip("/").partition("/")[0]
        return await self._node.pages[name](rest, _query(http))

    async def _trace(self, rest: str, http: HttpRequest, body: bytes) -> dict[str, Any] | None:
        notes = await self._node.telemetry.notes_of(rest)
        if not notes:
            one: Note | None = await self._node.telemetry.note_by_id(rest)
            if one is None:
                return None
            notes = await self._node.telemetry.notes_of(one.trace)
        told = [dataclasses.asdict(note) for note in notes]
        return {"trace": notes[0].trace, "notes": told, "recorded": await self._recorded(notes)}

    async def _recorded(self, notes: list[Note]) -> list[str]:
        """The request ids among these of runs that can be replayed."""
        return sorted(await self._node.telemetry.still_recorded(notes))


def _query(http: HttpRequest) -> dict[str, str]:
    """Of what is given twice, the last counts."""
    return {name: values[-1] for name, values in parse_qs(http.query).items()}


async def _lines(told: AsyncIterator[dict[str, Any] | None], has_left: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Each as a line, and an empty one where nothing is to be told. Ends what tells it when the client has gone."""
    try:
        async for document in told:
            if has_left():
                return
            yield b"\n" if document is None else orjson.dumps(document) + b"\n"
    finally:
        if isinstance(told, AsyncGenerator):
            await told.aclose()


def is_work(http: HttpRequest) -> bool:
    """Whether it changes what a function runs, or attaches to it."""
    return http.path.startswith("/_wakeful/dev/")


def is_chaos(http: HttpRequest) -> bool:
    """Whether it has things go wrong for others, or go well again."""
    return http.method != "GET" and http.path.rstrip("/").startswith("/_wakeful/chaos")


async def _answered(answer: Awaitable[Any]) -> HttpResponse:
    try:
        told = await answer
    except Unclear as error:
        return _json(400, {"message": str(error)})
    return _json(404, {"message": "no such thing"}) if told is None else _json(200, told)


def _seconds(body: bytes) -> float:
    try:
        seconds = orjson.loads(body)["advance_s"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Unclear('send {"advance_s": seconds}') from error
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise Unclear("advance_s is a number of seconds")
    if not 0 <= seconds <= _ADVANCE_MAX_S:
        raise Unclear(f"advance_s is between 0 and {_ADVANCE_MAX_S:.0f}: the clock only moves forward")
    return float(seconds)


def _json(status: int, value: Any) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, orjson.dumps(value))
