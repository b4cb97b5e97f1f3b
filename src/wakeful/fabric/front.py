"""What a service answers over HTTP beside its API: addresses of its own, such as function URLs.

The gateway finds out whose address it is, reads the body, and says on demand who signed the request. Everything else is
the service's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from wakeful import names
from wakeful.fabric.service import Node, Principal
from wakeful.fabric.trace import Trace
from wakeful.wire.errors import AccessDenied, AwsError
from wakeful.wire.message import HttpRequest, HttpResponse

FROM_TOPIC = "x-amz-sns-message-type"
"""The header of every request that a topic's message makes a node send, to whatever address a subscriber wished. A node
answers it at its fronts alone, as one out of a sandbox, and never at its API or its administration."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which of a service's addresses a request is for, and the path below it, as it came."""

    id: str
    path: str
    is_by_host: bool
    """Whether the host names the place; else the path began with its name."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a request, with which key, for which region."""

    principal: Principal
    access_key_id: str
    region: str = names.DEFAULT_REGION


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request to one of a service's own addresses. Its body is complete."""

    place: Place
    http: HttpRequest
    request_id: str
    trace: Trace
    scheme: str
    source_ip: str
    signer: Callable[[], Awaitable[Signer]]
    """Asked for only where it matters. Raises AwsError for whom we do not believe, and where nobody signed."""
    is_inside: bool = False
    """Whether it came out of a sandbox, or is a topic's message."""

    def from_outside(self) -> None:
        """Raises AccessDenied unless it came from outside."""
        if self.is_inside:
            raise AccessDenied("this cannot be asked from inside a function")


def place_below(path: str, http: HttpRequest) -> Place | None:
    """The place of a request whose path begins with `path`: what comes after it. None for any other."""
    route = http.path.removeprefix(path)
    return None if route == http.path else Place(route, "", is_by_host=False)


class Front(Protocol):
    """What stands behind a service's own addresses."""

    @property
    def operation(self) -> str:
        """The operation that a request stands for: it is signed as one to it, and errors are told as its errors are."""

    @property
    def body_bytes_max(self) -> int: ...

    def too_large(self) -> AwsError:
        """What is answered to a larger body."""

    def place_of(self, http: HttpRequest) -> Place | None:
        """Whose address it is, from host and path alone; None where it is none of ours."""

    async def answer(self, node: Node, arrival: Arrival) -> HttpResponse:
        """Raises AwsError."""
