"""In whose name work goes on that somebody asked for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from wakeful.fabric.service import Call, Principal, Session
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb.copies import asking

NODE = cast("Any", SimpleNamespace(endpoint="http://localhost"))
SESSION = Session(1.5, ('{"Version": "2012-10-17"}',), (("a", "b"),), ("a",), "who")


@pytest.mark.parametrize("session", [None, SESSION, Session(2.0)])
def test_who_asked_is_the_same_after_a_row_has_kept_it(session: Session | None) -> None:
    who = Principal("role", "arn:aws:sts::1:assumed-role/r/s", "1", "AROA:s", "arn:aws:iam::1:role/r", session)
    call = Call("1", "eu-west-1", who, "request", Trace("story", hops=2), "http://elsewhere")
    again = asking.again(NODE, orjson.loads(orjson.dumps(asking.kept(call))))
    assert (again.account, again.region, again.principal) == ("1", "eu-west-1", who)
    assert again.trace == call.effects
