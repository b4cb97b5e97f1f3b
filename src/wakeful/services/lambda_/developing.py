"""Working on a function: what is saved serves at once, and its process may be debugged, while somebody is at it.

Nothing of this is written down. When whoever works on it leaves, the package that was uploaded last serves again.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from wakeful import limits
from wakeful.environments.version import BadPackage, Changes, File, Version
from wakeful.fabric.service import Node
from wakeful.services.lambda_ import functions, managed, runs
from wakeful.services.lambda_.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from wakeful.services.lambda_.references import LATEST, Reference, of_arn

if TYPE_CHECKING:
    from wakeful.environments.workshop import Tree, Workpiece

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a function is to be worked on. `debug_port` is where a debugger's client will come to on this machine."""

    debug_port: int | None = None
    waits: bool = False

    @classmethod
    def of(cls, document: Any) -> Wish:
        """From `{"debug": {"port": …, "wait": …}}`. Raises InvalidParameterValueException."""
        debug = document.get("debug") if isinstance(document, dict) else None
        if debug is None:
            return cls()
        port = debug.get("port") if isinstance(debug, dict) else None
        if type(port) is not int or not 1 <= port <= 65_535:
            raise InvalidParameterValueException("The debugger's port is a number from 1 to 65535.")
        return cls(port, debug.get("wait") is True)


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a save. Without a fault, the next invocation runs it."""

    serves: bool
    took_ms: float
    fault: Mapping[str, Any] | None


class Developing:
    """One for each node. Meant for who administers it, on its own machine: the gateway sees to that."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def is_worked_on(self, arn: str) -> bool:
        return self._node.workshop.piece(arn) is not None

    async def begin(self, arn: str, document: Any) -> AsyncIterator[dict[str, Any] | None]:
        """What happens meanwhile, as documents; None every now and then. The function is worked on until it is closed.

        Raises AwsError where there is no such function, or it cannot be worked on.
        """
        reference, wish = _reference(arn), Wish.of(document)
        row = await self._row(reference)
        if wish.debug_port is not None:
            complaint = self._node.runtimes.complaint_about_debugging(row.config["Runtime"])
            if complaint is None and not self._node.workshop.can_debug:
                complaint = "No debugger can be reached on this host: in tier C nothing inside may listen."
            if complaint is not None:
                raise InvalidParameterValueException(complaint)
        if self._node.workshop.piece(reference.arn) is not None:
            raise ResourceConflictException(f"Somebody works on {reference.name} already. Only one at a time can.")
        assert row.serving is not None
        try:
            piece = await self._node.workshop.begin(
                reference.arn, row.serving["code"], debug_port=wish.debug_port, waits=wish.waits
            )
        except OSError as error:
            raise InvalidParameterValueException(
                f"Nothing can listen on port {wish.debug_port} of this machine: {os.strerror(error.errno or 0)}."
            ) from error
        return self._meanwhile(reference, piece)

    async def _meanwhile(self, reference: Reference, piece: Workpiece) -> AsyncIterator[dict[str, Any] | None]:
        starting: asyncio.Task[Mapping[str, Any] | None] | None = None
        try:
            self._changed()
            self._node.environments.retire(reference.arn, LATEST, but=piece.of(await self._version(reference)).revision)
            yield {"state": "open"}
            while not self._node.is_stopping:
                if not await self._is_there(reference):
                    yield {"state": "deleted"}
                    return
                if piece.is_to_start:
                    piece.is_to_start = False
                    await _ended(starting)
                    version = piece.of(await self._version(reference))
                    starting = piece.tasks.start(self._rehearse(piece, version))
                await _wait_for(starting)
                if starting is not None and starting.done():
                    fault, starting = starting.result(), None
                    if not piece.serving.number:
                        piece.is_sound = fault is None
                    yield {"state": "ready", "fault": fault}
                yield None
        finally:
            await _ended(starting)
            await self._node.workshop.end(piece)
            self._changed()
            self._node.environments.retire(reference.arn, LATEST)

    async def save(self, arn: str, document: Any) -> Saved:
        """The next invocation runs the code with these changes, all of them; else what ran before, and why is told.

        INIT of the new code has succeeded then, where it is not debugged. Code that fails in INIT serves only where
        what served before failed too. Raises AwsError.
        """
        began = time.monotonic()
        reference = _reference(arn)
        changes = changes_in(document)
        piece = self._node.workshop.piece(reference.arn)
        if piece is None:
            raise ResourceConflictException(f"Nobody works on {reference.name}.")
        async with piece.lock:
            row = await self._row(reference)
            assert row.serving is not None
            try:
                tree = await piece.change(changes)
            except BadPackage as error:
                raise InvalidParameterValueException(str(error)) from error
            version = piece.of(await self._version(reference), tree)
            fault = await self._serve(piece, tree, row.serving["code"], version)
            piece.prepare()
        return Saved(fault is None or not piece.is_sound, (time.monotonic() - began) * 1000, fault)

    async def _serve(self, piece: Workpiece, tree: Tree, base: str, version: Version) -> Mapping[str, Any] | None:
        if piece.debugger is not None:
            self._switch(piece, tree, base, version)
            piece.is_to_start = True  # it may take as long as somebody looks at it
            return None
        fault = await self._rehearse(piece, version)
        if fault is None or not piece.is_sound:
            piece.is_sound = fault is None
            self._switch(piece, tree, base, version)
        return fault

    def _switch(self, piece: Workpiece, tree: Tree, base: str, version: Version) -> None:
        """Who calls from now on gets the new code; who called before gets an answer of the old."""
        piece.serve(tree, base)
        self._changed()
        self._node.environments.retire(version.arn, LATEST, but=version.revision)

    async def _rehearse(self, piece: Workpiece, version: Version) -> Mapping[str, Any] | None:
        """Why INIT fails, as the runtime tells it."""
        if version.is_per_tenant:  # its environments are a tenant's, and none has called
            return None
        try:
            if piece.debugger is None:
                fault = await self._node.environments.rehearse(version)
            else:
                async with piece.debugger.turn:
                    fault = await self._node.environments.rehearse(version)
        except Exception:
            # Whoever calls the function is told the same.
            log.exception("no environment of %s could be started ahead", version.arn)
            return None
        if fault is None:
            return None
        document: Mapping[str, Any] = orjson.loads(fault.document("INIT"))
        return document

    async def _is_there(self, reference: Reference) -> bool:
        try:
            await self._node.caches.get(
                functions.CHANGED,
                f"worked on {reference.arn}",
                lambda: self._node.store.read(functions.find, reference),
            )
        except ResourceNotFoundException:
            return False
        return True

    async def _row(self, reference: Reference) -> functions.Version:
        """Waits while it is being made."""
        await runs.target(self._node, reference)
        row: functions.Version = await self._node.store.read(functions.find, reference)
        if managed.is_asked_for(row.config):
            raise InvalidParameterValueException(
                f"{reference.name} runs on managed instances, where only what was published is run: publish it."
            )
        return row

    async def _version(self, reference: Reference) -> Version:
        return (await runs.target(self._node, reference)).versions[0][0]

    def _changed(self) -> None:
        self._node.caches.drop(functions.CHANGED)
        self._node.wakes.wake(functions.CHANGED)


async def _wait_for(task: asyncio.Task[Any] | None) -> None:
    """Returns when it has ended; after a beat at the latest."""
    if task is None:
        await asyncio.sleep(limits.DEV_BEAT_S)
    else:
        await asyncio.wait({task}, timeout=limits.DEV_BEAT_S)


async def _ended(task: asyncio.Task[Any] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait({task})


def _reference(arn: str) -> Reference:
    try:
        return of_arn(arn)
    except ValueError as error:
        raise InvalidParameterValueException(f"{arn} is no ARN of a function.") from error


def changes_in(document: Any) -> Changes:
    """From `{"files": {path: {"content": base64, "executable": …} | {"to": …} | null}}`.

    Raises InvalidParameterValueException.
    """
    files = document.get("files") if isinstance(document, dict) else None
    if not isinstance(files, dict) or len(files) > limits.DEV_FILES_MAX:
        raise InvalidParameterValueException(f"A save names its files, {limits.DEV_FILES_MAX} at most.")
    return {path: None if file is None else _file(path, file) for path, file in files.items()}


def _file(path: str, told: Any) -> File:
    if isinstance(told, dict):
        to, content = told.get("to"), told.get("content", "")
        if isinstance(to, str) and to and "\0" not in to:
            return File(to=to)
        if to is None and isinstance(content, str):
            with contextlib.suppress(binascii.Error, ValueError):
                return File(base64.b64decode(content, validate=True), told.get("executable") is True)
    raise InvalidParameterValueException(f"The file {path} has neither content in base64 nor a place it leads to.")
