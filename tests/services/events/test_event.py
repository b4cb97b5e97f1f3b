"""Events as EventBridge builds them, and the entries that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.events import event as events
from wakeful.services.events.errors import ValidationException
from wakeful.services.events.event import Rejected, Unreadable

CALL = Call(
    "111111111111",
    "eu-west-1",
    Principal("root", "arn:aws:iam::111111111111:root", "111111111111"),
    "r",
    Trace("t"),
    "http://x",
)
NOW = 1_513_968_523.9
ENTRY = {"Source": "my.app", "DetailType": "thing", "Detail": "{}"}


def test_an_event_has_its_members_in_awss_order() -> None:
    entry = {**ENTRY, "Detail": '{ "a" : [1, 1.5, null, "\\u00e9"] }', "Resources": ["arn:one", "two"]}
    event = events.read(CALL, entry, NOW)
    event_id = event.document["id"]
    assert event.text == (
        f'{{"version":"0","id":"{event_id}","detail-type":"thing","source":"my.app","account":"111111111111",'
        '"time":"2017-12-22T18:48:43Z","region":"eu-west-1","resources":["arn:one","two"],'
        '"detail":{"a":[1,1.5,null,"é"]}}'
    )
    assert json.loads(event.text) == event.document


def test_an_entry_may_say_when_it_happened() -> None:
    assert events.read(CALL, {**ENTRY, "Time": 1.9}, NOW).document["time"] == "1970-01-01T00:00:01Z"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=5), st.booleans())
def test_any_detail_that_can_be_sent_comes_through(detail: dict[str, Any], is_ascii: bool) -> None:
    text = json.dumps(detail, ensure_ascii=is_ascii)
    try:
        event = events.read(CALL, {**ENTRY, "Detail": text}, NOW)
    except Rejected:
        assert "\\ud" in json.dumps(detail), "only half a character is no character"
        return
    assert json.loads(event.text)["detail"] == detail
    assert events.parse(event.text).document == event.document
    event.text.encode()


@pytest.mark.parametrize("member", ["Source", "DetailType", "Detail"])
@pytest.mark.parametrize("value", [None, ""])
def test_an_entry_without_what_an_event_needs_is_rejected(member: str, value: str | None) -> None:
    entry = {name: text for name, text in {**ENTRY, member: value}.items() if text is not None}
    with pytest.raises(Rejected) as rejected:
        events.read(CALL, entry, NOW)
    assert rejected.value.code == "InvalidArgument"
    assert str(rejected.value) == f"Parameter {member} is not valid. Reason: {member} is a required argument."


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"Source": "aws.ec2"}, "NotAuthorizedForSourceException"),
        ({"DetailType": "x" * 129}, "InvalidArgument"),
        ({"Time": 1e18}, "InvalidArgument"),
        ({"Detail": "text"}, "MalformedDetail"),
        ({"Detail": '"text"'}, "MalformedDetail"),
        ({"Detail": "[]"}, "MalformedDetail"),
        ({"Detail": '{"a": NaN}'}, "MalformedDetail"),
        ({"Detail": '{"a": 1e999}'}, "MalformedDetail"),
        ({"Detail": '{"a": "\\ud800"}'}, "MalformedDetail"),
        ({"Detail": '{"a":' * 5000 + "1" + "}" * 5000}, "MalformedDetail"),
    ],
)
def test_an_entry_that_is_no_event_is_rejected(entry: dict[str, Any], code: str) -> None:
    with pytest.raises(Rejected) as rejected:
        events.read(CALL, {**ENTRY, **entry}, NOW)
    assert rejected.value.code == code


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null", '{"a": Infinity}'])
def test_what_is_no_object_cannot_be_delivered_to_a_bus(text: str) -> None:
    with pytest.raises(Unreadable):
        events.parse(text)


def test_a_copy_differs_in_nothing_but_its_id() -> None:
    event = events.read(CALL, ENTRY, NOW)
    copy = event.copied()
    assert copy.document["id"] != event.document["id"]
    assert {**copy.document, "id": None} == {**event.document, "id": None}
    assert json.loads(copy.text) == copy.document


def test_a_request_holds_a_mebibyte_of_bytes() -> None:
    fixed = len("my.app") + len("thing") + 14 + len("é".encode())
    detail = "x" * (1024 * 1024 - fixed)
    entry = {**ENTRY, "Time": 0, "Resources": ["é"]}
    events.check_size([{**entry, "Detail": detail}])
    with pytest.raises(ValidationException) as refused:
        events.check_size([{**entry, "Detail": detail + "x"}])
    assert refused.value.message == "Total size of the entries in the request is over the limit."
