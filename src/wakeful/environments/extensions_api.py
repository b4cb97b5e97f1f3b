"""The Extensions API: who watches over a function from inside its environment, and what each of them is told.

Served on the same socket as the Runtime API. States, statuses and messages are those of AWS's own emulator and of
"Using the Lambda Extensions API to create extensions" in the Lambda guide.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wakeful import limits, names
from wakeful.environments.version import Invocation, Version

if TYPE_CHECKING:
    from wakeful.environments.runtime_connection import Connection

ROOT = b"/2020-01-01/extension/"
NAME = b"lambda-extension-name"
IDENTIFIER = b"lambda-extension-identifier"
ERROR_TYPE = b"lambda-extension-function-error-type"
FEATURES = b"lambda-extension-accept-feature"
HEADERS = frozenset((NAME, IDENTIFIER, ERROR_TYPE, FEATURES))

INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"
EVENTS = (INVOKE, SHUTDOWN)

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_ALLOWED = "State transition is not allowed"


class Stage(enum.Enum):
    """Where an extension stands, by AWS's names of the states."""

    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"
    RUNNING = "Running"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    LAUNCH_ERROR = "LaunchError"
    EXITED = "Exited"


@dataclass(slots=True, eq=False)
class Extension:
    """One extension, external (a process of its own) or internal (in the runtime process)."""

    name: str
    is_external: bool
    id: str
    stage: Stage = Stage.STARTED
    events: tuple[str, ...] = ()
    error_type: str | None = None
    parked: Connection | None = None


class Host(Protocol):
    """Who is told what extensions do. Called from the connection's callbacks: quick, and never raising."""

    def extensions_are_registered(self) -> None:
        """Every external extension is: the runtime may start."""

    def extensions_are_ready(self) -> None:
        """Everyone who was waited for asks for the next event."""


class ExtensionsApi:
    """The extensions of one sandbox. `external` are the names of those that are started with it."""

    def __init__(self, host: Host, version: Version, external: Iterable[str] = ()) -> None:
        self.members: dict[str, Extension] = {}
        """By name, those that are started first. Empty as long as there are none."""

        self.first_fault: str | None = None
        """What an extension reported first, such as Extension.InitError: whatever ends then, ends because of it."""

        self._host = host
        self._version = version
        self.awaited: set[Extension] = set()
        """Who has to ask for the next event before INIT, or the invocation under way, is over."""

        self._by_id: dict[str, Extension] = {}
        self._shutdown: bytes | None = None
        for name in external:
            self._enter(name, is_external=True)

    @property
    def external(self) -> list[Extension]:
        return [member for member in self.members.values() if member.is_external]

    # What the environment says.

    def invoke(self, invocation: Invocation, deadline_ms: int) -> None:
        """Everyone who wants to hear of invocations hears of this one, and is waited for."""
        event = {
            "eventType": INVOKE,
            "deadlineMs": deadline_ms,
            "requestId": invocation.request_id,
            "invokedFunctionArn": invocation.invoked_arn,
        }
        if invocation.trace is not None:
            event["tracing"] = {"type": "X-Amzn-Trace-Id", "value": invocation.trace.header}
        message = _event(event)
        for member in self.members.values():
            if INVOKE in member.events:
                self.awaited.add(member)
                self._release(member, message)

    def shut_down(self, reason: str, deadline_ms: int) -> None:
        """Every external extension that wants to know hears it now, or when it next asks. Nobody is waited for."""
        self._shutdown = _event({"eventType": SHUTDOWN, "deadlineMs": deadline_ms, "shutdownReason": reason})
        self.awaited.clear()
        for member in self.external:
            if SHUTDOWN in member.events and member.parked is not None:
                self._release(member, self._shutdown)

    def launch_failed(self, name: str, words: str) -> str:
        """The fault of an extension that could not be run, for the reason in `words`."""
        member = self.members.get(name) or self._enter(name, is_external=True)
        member.stage = Stage.LAUNCH_ERROR
        member.error_type = "UnknownError"
        if words.endswith("permission denied"):
            member.error_type = "PermissionDenied"
        elif words == TOO_MANY:
            member.error_type = "TooManyExtensions"
        self.first_fault = self.first_fault or "Extension.LaunchError"
        return self.first_fault

    def exited(self, name: str) -> str:
        """The fault of an extension whose process has ended though nobody wanted it to."""
        member = self.members[name]
        if member.stage not in (Stage.INIT_ERROR, Stage.EXIT_ERROR):
            member.stage = Stage.EXITED
        self.first_fault = self.first_fault or "Extension.Crash"
        return self.first_fault

    # What connections ask. Every one of these answers exactly once, or parks the connection.

    def handle(self, connection: Connection, method: bytes, verb: bytes, *, is_open: bool) -> bool:
        """Whether there is such a call. `is_open`: INIT is not over for the runtime, and one may still register."""
        if verb == b"register":
            wanted, call = b"POST", None
        elif verb == b"event/next":
            wanted, call = b"GET", self._next
        elif verb in (b"init/error", b"exit/error"):
            wanted, call = b"POST", self._init_error if verb == b"init/error" else self._exit_error
        else:
            return False
        if method != wanted:
            connection.plain(405, b"")
        elif call is None:
            self._register(connection, is_open)
        else:
            self._identified(connection, call)
        return True

    def unpark(self, connection: Connection) -> None:
        """It went away while it waited."""
        for member in self.members.values():
            if member.parked is connection:
                member.parked = None

    def _register(self, connection: Connection, is_open: bool) -> None:
        name = connection.text_of(NAME)
        if not name:
            connection.error(403, "Extension.InvalidExtensionName", "Empty extension name")
            return
        try:
            events = _events_of(connection.body or b"")
        except ValueError as error:
            connection.error(403, "InvalidRequestFormat", str(error))
            return
        member = self.members.get(name)
        is_external = member is not None and member.is_external
        complaint = _complaint(events, is_external=is_external, is_shared=self._version.sharing is not None)
        if complaint is not None:
            connection.error(403, "Extension.InvalidEventType", complaint)
            return
        if member is None or not is_external:
            if not is_open:
                connection.error(403, "Extension.RegistrationClosed", "Extension registration closed already")
                return
            if member is not None:
                message = "Extension with this name already registered"
                connection.error(403, "Extension.InvalidExtensionState", message)
                return
            if len(self.members) >= limits.EXTENSIONS_MAX:
                message = f"Extension limit ({limits.EXTENSIONS_MAX}) reached"
                connection.error(403, "Extension.TooManyExtensions", message)
                return
            member = self._enter(name, is_external=False)
        elif member.stage is not Stage.STARTED:
            _refuse(connection, member, "Registered", name)
            return
        member.stage = Stage.REGISTERED
        member.events = tuple(dict.fromkeys(events))
        self._answer_registration(connection, member)
        if member.is_external and all(each.stage is not Stage.STARTED for each in self.external):
            self._host.extensions_are_registered()

    def _answer_registration(self, connection: Connection, member: Extension) -> None:
        version = self._version
        about = {"functionName": version.name, "functionVersion": version.version, "handler": version.handler}
        features = (connection.text_of(FEATURES) or "").split(",")
        if "accountId" in [feature.strip() for feature in features]:
            about["accountId"] = version.account
        connection.answer(_message(about, b"Lambda-Extension-Identifier: %b\r\n" % member.id.encode()))

    def identified(self, connection: Connection) -> Extension | None:
        """Who asks, of whatever is for registered extensions. None: it is nobody, and has been told so."""
        identifier = _identifier(connection)
        if identifier is None:
            return None
        member = self._by_id.get(identifier.lower())
        if member is None or member.stage is Stage.STARTED:
            connection.error(403, "Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")
            return None
        return member

    def _identified(self, connection: Connection, call: _Call) -> None:
        identifier = _identifier(connection)
        if identifier is not None:
            call(connection, self._by_id.get(identifier.lower()), identifier)

    def _next(self, connection: Connection, member: Extension | None, identifier: str) -> None:
        if member is None:
            connection.error(403, "Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")
            return
        asks_again = member.stage is Stage.READY and member.parked is None  # its connection had broken
        if member.stage not in (Stage.REGISTERED, Stage.RUNNING) and not asks_again:
            _refuse(connection, member, "Ready", identifier)
            return
        member.stage = Stage.READY
        connection.is_parked = True
        member.parked = connection
        if self._shutdown is not None:
            if SHUTDOWN in member.events and member.is_external:
                self._release(member, self._shutdown)
        elif member in self.awaited:
            self.awaited.remove(member)
            if not self.awaited:
                self._host.extensions_are_ready()

    def _init_error(self, connection: Connection, member: Extension | None, identifier: str) -> None:
        allowed = (Stage.REGISTERED,)
        self._report(connection, member, identifier, Stage.INIT_ERROR, allowed, "InitError")

    def _exit_error(self, connection: Connection, member: Extension | None, identifier: str) -> None:
        allowed = (Stage.REGISTERED, Stage.READY, Stage.RUNNING)
        self._report(connection, member, identifier, Stage.EXIT_ERROR, allowed, "Exited")

    def _report(
        self,
        connection: Connection,
        member: Extension | None,
        identifier: str,
        stage: Stage,
        allowed: tuple[Stage, ...],
        wanted: str,
    ) -> None:
        """It is out of order. The fault is drawn when its process ends, or whatever else does."""
        error_type = connection.text_of(ERROR_TYPE)
        if not error_type:
            message = "Lambda-Extension-Function-Error-Type not found"
            connection.error(403, "Extension.MissingHeader", message)
        elif member is None:
            message = "Unknown Lambda-Extension-Identifier"
            connection.error(403, "Extension.UnknownExtensionIdentifier", message)
        elif member.stage is not stage and member.stage not in allowed:
            _refuse(connection, member, wanted, identifier)
        else:
            if member.stage is not stage:  # only what was said first counts
                member.stage = stage
                member.error_type = error_type
                self.first_fault = self.first_fault or f"Extension.{stage.value}"
            connection.accept()

    def _enter(self, name: str, *, is_external: bool) -> Extension:
        member = Extension(name, is_external, names.new_uuid())
        self.members[name] = self._by_id[member.id] = member
        self.awaited.add(member)  # INIT waits for everyone
        return member

    def _release(self, member: Extension, event: bytes) -> None:
        connection, member.parked = member.parked, None
        if connection is not None:
            member.stage = Stage.RUNNING
            connection.answer(event)


TOO_MANY = "ErrTooManyExtensions"


class _Call(Protocol):
    def __call__(self, connection: Connection, member: Extension | None, identifier: str, /) -> None: ...


def _identifier(connection: Connection) -> str | None:
    """As the request has it. None where it has none, which it has been told."""
    identifier = connection.text_of(IDENTIFIER)
    if not identifier:
        message = "Missing Lambda-Extension-Identifier header"
        connection.error(403, "Extension.MissingExtensionIdentifier", message)
        return None
    if not _UUID.fullmatch(identifier):
        connection.error(403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
        return None
    return identifier


def _refuse(connection: Connection, member: Extension, wanted: str, who: str) -> None:
    message = (
        f"State transition from {member.stage.value} to {wanted} failed for extension {who}. Error: {_NOT_ALLOWED}"
    )
    connection.error(403, "Extension.InvalidExtensionState", message)


def _events_of(body: bytes) -> list[str]:
    """Raises ValueError where the body is not a registration."""
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("a registration is a JSON object")  # noqa: TRY004  as any other body that is none
    if document.get("configurationKeys"):
        raise ValueError("configurationKeys are deprecated; use environment variables instead")
    events = document.get("events") or []
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise ValueError("events are a list of strings")
    return events


def _complaint(events: list[str], *, is_external: bool, is_shared: bool) -> str | None:
    if is_shared and events and not is_external:
        return "No events allowed for internal extensions"
    for event in events:
        if event not in EVENTS or (is_shared and event == INVOKE):
            return f"{event}: ErrorInvalidEventType"
        if event == SHUTDOWN and not is_external:
            return f"{event}: ShutdownEventNotSupportedForInternalExtension"
    return None


def _event(event: dict[str, object]) -> bytes:
    return _message(event, b"Lambda-Extension-Event-Identifier: %b\r\n" % names.new_uuid().encode())


def _message(document: object, header: bytes) -> bytes:
    body = json.dumps(document, separators=(",", ":")).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b" % (
        header,
        len(body),
        body,
    )
