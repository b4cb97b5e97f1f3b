"""Requests to addresses that are not AWS's API but a service's own, such as function URLs: found before the wire is."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wakeful import names
from wakeful.fabric.front import FROM_TOPIC, Arrival, Front, Place, Signer
from wakeful.fabric.service import Node, Service
from wakeful.fabric.trace import Trace
from wakeful.gateway.authenticate import Authenticator
from wakeful.gateway.bodies import BodyTooLarge, ClientGone, whole
from wakeful.wire import codec
from wakeful.wire.credential import scope_of
from wakeful.wire.detect import Catalogue
from wakeful.wire.errors import AwsError, InternalFailure
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.target import Target

if TYPE_CHECKING:
    from wakeful.gateway.http import Visit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """Where a request goes that is for no API."""

    service: Service
    front: Front
    place: Place


class Fronts:
    """The fronts of all services that have one."""

    def __init__(
        self, node: Node, services: Mapping[str, Service], authenticator: Authenticator, catalogue: Catalogue
    ) -> None:
        self._node = node
        self._authenticator = authenticator
        self._catalogue = catalogue
        self._fronts = tuple((each, front) for each in services.values() for front in each.fronts)

    def door_of(self, http: HttpRequest) -> Door | None:
        """The front that the request is for; None for requests to an API."""
        for service, front in self._fronts:
            place = front.place_of(http)
            if place is not None:
                return Door(service, front, place)
        return None

    async def answer(
        self, door: Door, http: HttpRequest, pieces: AsyncIterator[bytes], visit: Visit, trace: Trace
    ) -> HttpResponse:
        """The response. Raises ClientGone and nothing else."""
        request_id = names.new_uuid()
        target = self._target(door)
        try:
            response = await self._admitted(door, target, http, pieces, visit, trace, request_id)
        except AwsError as error:
            response = codec.error(target, error, request_id, http)
        except BodyTooLarge:
            response = codec.error(target, door.front.too_large(), request_id, http)
        except ClientGone:
            raise
        except Exception:
            log.exception("request %s failed: %s %s", request_id, http.method, http.path)
            response = codec.error(target, InternalFailure(), request_id, http)
        response.headers["x-amzn-requestid"] = request_id
        response.headers["x-amzn-trace-id"] = trace.header
        return response

    async def _admitted(
        self,
        door: Door,
        target: Target,
        http: HttpRequest,
        pieces: AsyncIterator[bytes],
        visit: Visit,
        trace: Trace,
        request_id: str,
    ) -> HttpResponse:
        http.body = await whole(pieces, door.front.body_bytes_max)

        async def signer() -> Signer:
            identity = await self._authenticator.admit(http, None, target, visit.origin)
            scope = scope_of(http)
            assert scope is not None, "who signed nothing is not admitted"
            return Signer(identity.principal, scope.access_key_id, identity.region)

        is_inside = visit.origin is not None or FROM_TOPIC in http.headers
        arrival = Arrival(door.place, http, request_id, trace, visit.scheme, visit.client, signer, is_inside)
        return await door.front.answer(self._node, arrival)

    def _target(self, door: Door) -> Target:
        operation = self._catalogue.operation(door.service.name, door.front.operation)
        assert operation is not None, "a front stands for an operation of its service"
        return Target(door.service.name, operation.protocol, operation.name, operation.model.service_model, operation)
