"""In whose name work goes on that somebody asked for: as a row keeps it, and as a call of theirs again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from wakeful import names
from wakeful.fabric.service import Call, Node, Principal, Session
from wakeful.fabric.trace import Trace


def kept(call: Call) -> dict[str, Any]:
    """Who asked, and of which story that was a part."""
    return {
        "account": call.account,
        "region": call.region,
        "principal": asdict(call.principal),
        "trace": asdict(call.effects),
    }


def again(node: Node, asked: dict[str, Any]) -> Call:
    """A call of whoever asked, with the rights they have now."""
    who = dict(asked["principal"])
    session = who.pop("session")
    if session is not None:
        policies = session["policies"]
        session = Session(
            session["issued"],
            None if policies is None else tuple(policies),
            tuple((key, value) for key, value in session["tags"]),
            tuple(session["transitive"]),
            session["source_identity"],
        )
    return Call(
        account=asked["account"],
        region=asked["region"],
        principal=Principal(**who, session=session),
        request_id=names.new_uuid(),
        trace=Trace(**asked["trace"]),
        endpoint=node.endpoint,
    )
