"""What people and their devices do, for tests to do it in their place, and emptying the inbox. Below /_wakeful/sns/.

    DELETE inbox?kind=…&to=…   no message of the account is left, or none of that kind, to that recipient
    DELETE inbox/{id}          this one is not
    POST   replies   {"from": number, "text": "STOP"}   whoever has that number wants no messages any more
    POST   sandbox   {"is_in_sandbox": true}            the account may send text messages to verified numbers only
    POST   devices   {"gone": ARN of an endpoint}       the app was removed; its platform refuses the token

Requests are signed like those to SNS, by the root of the account that the message, the number or the device belongs to.
Out of a sandbox nothing of this can be asked. What is in the inbox is told at /_wakeful/inbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson

from wakeful import limits, names
from wakeful.fabric.front import Arrival, Place, Signer, place_below
from wakeful.fabric.service import Node
from wakeful.services.sns import inbox, platforms, sms_accounts, text_messages
from wakeful.services.sns.arns import endpoint_arn
from wakeful.services.sns.errors import InvalidParameterException, ResourceNotFoundException
from wakeful.wire.errors import AccessDenied, AwsError
from wakeful.wire.message import HttpRequest, HttpResponse

PATH = "/_wakeful/sns/"


@dataclass(frozen=True, slots=True)
class InboxFront:
    """SNS's front for what people do."""

    operation: str = "Publish"
    body_bytes_max: int = limits.SNS_FRONT_BYTES_MAX

    def too_large(self) -> AwsError:
        return InvalidParameterException(f"Invalid parameter: a request has up to {self.body_bytes_max} bytes")

    def place_of(self, http: HttpRequest) -> Place | None:
        return place_below(PATH, http)

    async def answer(self, node: Node, arrival: Arrival) -> HttpResponse:
        arrival.from_outside()
        signer = await arrival.signer()
        if signer.principal.kind != "root":
            raise AccessDenied("this needs a signature by the root of an account")
        found = await _answer(node, signer, arrival.http, arrival.place.id)
        return HttpResponse(200, {"content-type": "application/json"}, orjson.dumps(found))


async def _answer(node: Node, signer: Signer, http: HttpRequest, route: str) -> dict[str, Any]:
    kind, _, name = route.partition("/")
    account, region = signer.principal.account, signer.region
    match http.method, kind, bool(name):
        case "DELETE", "inbox", True:
            return await _delete(node, account, name)
        case "DELETE", "inbox", False:
            query = {key: values[-1] for key, values in parse_qs(http.query).items()}
            gone = await node.store.write(inbox.delete, account, None, _query(query, "kind"), _query(query, "to"))
            return {"deleted": gone}
        case "POST", "replies", False:
            return await _reply(node, account, region, _document(http.body))
        case "POST", "sandbox", False:
            is_in = _document(http.body).get("is_in_sandbox")
            if not isinstance(is_in, bool):
                raise InvalidParameterException('Invalid parameter: send {"is_in_sandbox": true or false}')
            await node.store.write(sms_accounts.set_sandbox, account, region, is_in=is_in)
            return {"account": account, "region": region, "is_in_sandbox": is_in}
        case "POST", "devices", False:
            return await _remove_app(node, account, _document(http.body))
    raise ResourceNotFoundException(f"There is no {http.method} {http.path}.")


async def _delete(node: Node, account: str, name: str) -> dict[str, Any]:
    is_number = name.isascii() and name.isdecimal() and len(name) < 19
    if not is_number or not await node.store.write(inbox.delete, account, int(name)):
        raise ResourceNotFoundException(f"There is no message {name} in the inbox.")
    return {"deleted": 1}


async def _reply(node: Node, account: str, region: str, request: Mapping[str, Any]) -> dict[str, Any]:
    number = sms_accounts.number_of(_text(request, "from"))
    text = _text(request, "text").strip()
    if text.upper() not in text_messages.STOP_WORDS:
        words = ", ".join(sorted(text_messages.STOP_WORDS))
        raise InvalidParameterException(f"Invalid parameter: nobody reads what phones answer but these words: {words}")
    await node.store.write(sms_accounts.opt_out, account, region, number)
    return {"number": number, "is_opted_out": True}


async def _remove_app(node: Node, account: str, request: Mapping[str, Any]) -> dict[str, Any]:
    arn = endpoint_arn(_text(request, "gone"))
    if names.parse_arn(arn).account != account:
        raise AccessDenied("the endpoint is another account's")
    await node.store.write(platforms.be_gone, arn)
    return {"endpoint": arn, "is_gone": True}


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise InvalidParameterException("Invalid parameter: the request body is a JSON object")
    return document


def _query(query: Mapping[str, str], name: str) -> str | None:
    return None if name not in query else _text(query, name)


def _text(request: Mapping[str, Any], name: str) -> str:
    text = request.get(name)
    if not isinstance(text, str) or "\0" in text:
        raise InvalidParameterException(f"Invalid parameter: {name} is a text")
    return text
