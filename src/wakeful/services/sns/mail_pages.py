"""The pages that the links in mails lead to: one confirms a subscription, the other ends it. They have AWS's names."""

from __future__ import annotations

import html
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from wakeful import limits, names
from wakeful.fabric.front import Arrival, Place
from wakeful.fabric.service import Call, Node, Principal
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.services.sns.subscription import Subscription
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest, HttpResponse

_CONFIRM, _UNSUBSCRIBE = "/confirmation.html", "/unsubscribe.html"
_NEEDED = {_CONFIRM: ("TopicArn", "Token"), _UNSUBSCRIBE: ("SubscriptionArn",)}
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body style="font-family: sans-serif; margin: 2em"><h1>{title}</h1>{body}</body></html>
"""


def confirmation_url(subscription: Subscription) -> str:
    """Whoever opens it confirms the subscription."""
    told = {"TopicArn": subscription.topic, "Token": subscription.token, "Endpoint": subscription.endpoint}
    return f"{subscription.base_url}{_CONFIRM}?{urlencode(told, safe=':@')}"


def unsubscribe_url(subscription: Subscription) -> str:
    """Whoever opens it ends the subscription."""
    told = {"SubscriptionArn": subscription.arn, "Endpoint": subscription.endpoint}
    return f"{subscription.base_url}{_UNSUBSCRIBE}?{urlencode(told, safe=':@')}"


@dataclass(frozen=True, slots=True)
class MailFront:
    """SNS's front for the links in mails. Whoever has the link is whom it was sent to."""

    operation: str = "ConfirmSubscription"
    body_bytes_max: int = limits.SNS_FRONT_BYTES_MAX

    def too_large(self) -> AwsError:
        return InvalidParameterException("Invalid parameter: a link has no body")

    def place_of(self, http: HttpRequest) -> Place | None:
        """A bucket may be called as the page is: only a request that says what the link says is ours."""
        needed = _NEEDED.get(http.path)
        if needed is None or http.method != "GET" or not all(f"{name}=" in http.query for name in needed):
            return None
        return Place(http.path, "", is_by_host=False)

    async def answer(self, node: Node, arrival: Arrival) -> HttpResponse:
        if "prefetch" in arrival.http.headers.get("sec-purpose", ""):
            return _page(503, "Nothing has happened yet", "<p>A browser looked ahead.</p>")  # it asks again in earnest
        query = {name: values[-1] for name, values in parse_qs(arrival.http.query).items()}
        arn = query.get("TopicArn") or query.get("SubscriptionArn") or ""
        call = _anonymous(arrival, arn)
        try:
            if arrival.place.id == _CONFIRM:
                request = {"TopicArn": arn, "Token": query.get("Token", "")}
                done = await node.call(call, "sns", "ConfirmSubscription", request)
                return _page(
                    200,
                    "Subscription confirmed!",
                    f"<p>You have successfully subscribed.</p><p>Your subscription's id is:<br>"
                    f"{html.escape(done['SubscriptionArn'])}</p><p>If it was not your intention to subscribe, "
                    f'<a href="{_UNSUBSCRIBE}?{html.escape(urlencode({"SubscriptionArn": done["SubscriptionArn"]}))}">'
                    "click here to unsubscribe</a>.</p>",
                )
            await node.call(call, "sns", "Unsubscribe", {"SubscriptionArn": arn})
        except AwsError as error:
            return _page(400, "This link is not good, or not good any more", f"<p>{html.escape(error.message)}</p>")
        told = f"<p>{html.escape(query.get('Endpoint', 'You'))} will receive no more messages of this topic.</p>"
        return _page(200, "Subscription removed!", f"{told}<p>The subscription's id was:<br>{html.escape(arn)}</p>")


def _anonymous(arrival: Arrival, arn: str) -> Call:
    """Nobody signs a link: who follows it is nobody of the account."""
    try:
        region = names.parse_arn(arn).region
    except ValueError:
        region = names.DEFAULT_REGION
    return Call(
        account="anonymous",
        region=region,
        principal=Principal("anonymous", "*", "anonymous"),
        request_id=arrival.request_id,
        trace=arrival.trace,
        endpoint=f"{arrival.scheme}://{arrival.http.headers.get('host', '127.0.0.1')}",
        source_ip=arrival.source_ip,
    )


def _page(status: int, title: str, body: str) -> HttpResponse:
    headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
    return HttpResponse(status, headers, _PAGE.format(title=html.escape(title), body=body).encode())
