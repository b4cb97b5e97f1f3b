"""Whatever comes in is read, or refused with an error of AWS's; nothing else may happen."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.wire.test_round_trip import CATALOGUE, MODELS, REQUEST_ID
from wakeful.wire import checks, codec
from wakeful.wire.errors import AwsError
from wakeful.wire.message import HttpRequest
from wakeful.wire.model import ServiceModel
from wakeful.wire.target import Operation, Protocol, Target

OPERATIONS: list[tuple[str, Protocol, str]] = [
    (model.service_name, model.protocol, name)  # type: ignore[misc]
    for model in [parameter.values[0] for parameter in MODELS]
    if isinstance(model, ServiceModel)
    for name in model.operation_names
]
WORDS = (
    "",
    "a",
    "1",
    "-1",
    "5.0",
    "true",
    "null",
    "2020-01-01T00:00:00Z",
    "x" * 300,
    "€",
    "\x00",
    "aGk=",
    "99999999999999999999",
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=8,
)


def target_of(
    operation: Operation, labels: dict[str, str], query: dict[str, list[str]], form: dict[str, str]
) -> Target:
    return Target(
        operation.service, operation.protocol, operation.name, operation.model.service_model, operation, None,
        labels, query, form,
    )  # fmt: skip


def attempt(operation: Operation, target: Target, http: HttpRequest) -> None:
    """Reads and checks, as the gateway does."""
    try:
        checks.check(target, codec.read(target, http))
    except AwsError as error:
        assert codec.error(target, error, REQUEST_ID, http).status in range(400, 500)


def fill(data: st.DataObject, operation: Operation, leaf: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Some of the operation's own members, with values of any type."""
    shape = operation.model.input_shape
    names = [member.serialization.get("name", name) for name, member in shape.members.items()] if shape else []
    return {name: data.draw(leaf) for name in names if data.draw(st.booleans())}


@examples(400)
@given(st.sampled_from(OPERATIONS), st.data())
def test_no_request_makes_anything_but_an_aws_error(where: tuple[str, Protocol, str], data: st.DataObject) -> None:
    service, protocol, name = where
    operation = CATALOGUE.operation(service, name, protocol)
    assert operation is not None
    members = operation.model.input_shape.members if operation.model.input_shape else {}
    labels = {
        key: data.draw(st.sampled_from(WORDS))
        for key, member in members.items()
        if member.serialization.get("location") == "uri"
    }
    query = {str(key): [data.draw(st.sampled_from(WORDS))] for key in fill(data, operation, st.just(""))}
    headers = {str(key).lower(): data.draw(st.sampled_from(WORDS)) for key in fill(data, operation, st.just(""))}
    form: dict[str, str] = {}
    if protocol == "query":
        keys = st.lists(
            st.sampled_from([*members, "member", "entry", "1", "2", "key", "Name", "Value", ""]), min_size=1, max_size=4
        )
        form = data.draw(st.dictionaries(keys.map(".".join), st.sampled_from(WORDS), max_size=6))
    body = b""
    if "json" in protocol:
        value = (
            data.draw(st.one_of(json_values, st.just(None)))
            if data.draw(st.booleans())
            else fill(data, operation, json_values)
        )
        body = data.draw(st.sampled_from((as_json(value), as_json(value)[:-1], b"\xff", b"", b"[" * 3000)))
    elif protocol == "rest-xml":
        body = data.draw(st.binary(max_size=20)) if data.draw(st.booleans()) else xml_for(data, operation)
    attempt(operation, target_of(operation, labels, query, form), HttpRequest("POST", "/", "", headers, body))


def as_json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return repr(value).encode()  # integers of more than 64 bits, and what becomes of them


def xml_for(data: st.DataObject, operation: Operation) -> bytes:
    """Elements that the operation knows, in any order and depth."""
    shape = operation.model.input_shape
    names = ["a"]
    pending = [shape] if shape else []
    while pending and len(names) < 40:
        node: Any = pending.pop()
        if node.type_name == "structure":
            for name, member in node.members.items():
                names.append(member.serialization.get("name", name))
                pending.append(member)
        elif node.type_name == "list":
            pending.append(node.member)

    def element(depth: int) -> str:
        name = data.draw(st.sampled_from(names)).replace(":", "")
        inner = "".join(element(depth + 1) for _ in range(data.draw(st.integers(0, 3 if depth < 3 else 0))))
        return f"<{name}>{inner or data.draw(st.sampled_from(('', 'a', '1', 'true', ' 5 ')))}</{name}>"

    return element(0).encode()


def test_an_operation_compiles_its_parts_once() -> None:
    operation = CATALOGUE.operation("sns", "Publish")
    assert operation is not None
    target = target_of(operation, {}, {}, {"Message": "m"})
    http = HttpRequest("POST", "/", "", {})
    codec.read(target, http)
    reader = operation.read
    codec.read(target, http)
    assert operation.read is reader


def test_a_shape_that_contains_itself_does_not_exhaust_the_stack() -> None:
    model = ServiceModel(
        {
            "metadata": {"protocol": "json", "jsonVersion": "1.0", "serviceId": "x"},
            "operations": {
                "Nest": {
                    "name": "Nest",
                    "http": {"method": "POST", "requestUri": "/"},
                    "input": {"shape": "Nest"},
                    "output": {"shape": "Nest"},
                }
            },
            "shapes": {
                "Nest": {"type": "structure", "members": {"Inner": {"shape": "Nest"}, "List": {"shape": "Nests"}}},
                "Nests": {"type": "list", "member": {"shape": "Nest"}},
            },
        },
        "x",
    )
    operation = codec.operation("x", "json", model.operation_model("Nest"))
    target = target_of(operation, {}, {}, {})
    deep = b'{"Inner":' * 900 + b"{}" + b"}" * 900
    with pytest.raises(AwsError, match="nested too deeply"):
        codec.read(target, HttpRequest("POST", "/", "", {}, deep))
    nested: dict[str, Any] = {"Inner": {"List": [{"Inner": {}}, {}]}}
    assert codec.read(target, HttpRequest("POST", "/", "", {}, orjson.dumps(nested))) == nested
    assert codec.write(target, nested, REQUEST_ID, HttpRequest("POST", "/", "", {})).body == orjson.dumps(nested)


@pytest.mark.parametrize(
    ("service", "name", "value"),
    [
        ("sqs", "SendMessage", {"MessageID": "x"}),
        ("sqs", "GetQueueAttributes", {"Attributes": {"VisibilityTimeout": 30}}),
        ("sqs", "SendMessage", {"MessageId": 5}),
        ("iam", "GetRole", {"Rolle": {}}),
        ("iam", "ListUsers", {"Users": [], "IsTruncated": "true"}),
        ("s3", "ListObjectsV2", {"KeyCount": "5"}),
        ("s3", "PutObject", {"Etag": "x"}),
        ("lambda", "GetFunction", {"Configuration": {"Timeout": "3"}}),
    ],
)
def test_an_answer_that_breaks_the_model_is_our_bug(service: str, name: str, value: dict[str, Any]) -> None:
    operation = CATALOGUE.operation(service, name)
    assert operation is not None
    with pytest.raises((KeyError, TypeError)):
        codec.write(target_of(operation, {}, {}, {}), value, REQUEST_ID, HttpRequest("POST", "/", "", {}))


@pytest.mark.parametrize(
    ("service", "name"), [("sqs", "SendMessage"), ("iam", "GetRole"), ("s3", "GetBucketAcl"), ("lambda", "GetFunction")]
)
def test_none_and_what_is_none_are_left_out(service: str, name: str) -> None:
    operation = CATALOGUE.operation(service, name)
    assert operation is not None
    target, http = target_of(operation, {}, {}, {}), HttpRequest("POST", "/", "", {})
    shape = operation.model.output_shape
    assert shape is not None
    nothing = codec.write(target, None, REQUEST_ID, http)
    assert codec.write(target, dict.fromkeys(shape.members), REQUEST_ID, http) == nothing


def test_quoting_of_forms_is_undone() -> None:
    text = "a+b c%&=ä\n"
    body = f"Action=Publish&Version=2010-03-31&Message={quote_plus(text)}".encode()
    http = HttpRequest("POST", "/", "", {"content-type": "application/x-www-form-urlencoded"}, body)
    assert codec.read(CATALOGUE.identify(http), http) == {"Message": text}
