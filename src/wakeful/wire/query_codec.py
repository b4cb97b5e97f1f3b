"""The query protocol: a form in, XML out (SNS, IAM, STS, and SQS for its older clients)."""

from __future__ import annotations

from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from typing import Any

from wakeful import limits
from wakeful.wire import timestamps
from wakeful.wire.errors import MalformedInput
from wakeful.wire.forms import Tree, tree_of
from wakeful.wire.knots import Knots
from wakeful.wire.message import HttpRequest, HttpResponse
from wakeful.wire.model import OperationModel, Shape, members_of, wire_name
from wakeful.wire.target import Read, Target, Write
from wakeful.wire.xml_codec import compile_body, escape, text_reader

Node = str | Tree
Convert = Callable[[Node], Any]


# --- a whole request, a whole response ---


def compile_read(operation: OperationModel) -> Read:
    if operation.input_shape is None:
        return lambda target, http: {}
    read = _compile_reader(operation.input_shape, Knots())
    takes_queue_url = "QueueUrl" in members_of(operation.input_shape)

    def read_form(target: Target, http: HttpRequest) -> dict[str, Any]:
        request: dict[str, Any] = read(tree_of(target.form))
        if takes_queue_url and "QueueUrl" not in request and http.path.strip("/"):
            # Older clients send to the queue's own URL and do not repeat it.
            request["QueueUrl"] = f"http://{http.headers.get('host', 'localhost')}{http.path}"
        return request

    return read_form


def compile_write(operation: OperationModel) -> Write:
    opening = f'<{operation.name}Response xmlns="{operation.metadata["xmlNamespace"]}">'
    closing = f"</{operation.name}Response>"
    wrapper = ""
    write_body = None
    if operation.output_shape is not None:
        wrapper = str(operation.output_shape.serialization.get("resultWrapper", f"{operation.name}Result"))
        write_body = compile_body(operation.output_shape, Knots(), timestamps.format_iso8601)

    def write_xml(value: Mapping[str, Any], request_id: str, http: HttpRequest) -> HttpResponse:
        parts = [opening]
        if write_body is not None:
            parts.append(f"<{wrapper}>")
            write_body(value, parts.append)
            parts.append(f"</{wrapper}>")
        parts.append(f"<ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata>{closing}")
        headers = {"x-amzn-requestid": request_id, "content-type": "text/xml"}
        return HttpResponse(200, headers, "".join(parts).encode())

    return write_xml


# --- reading ---


def _compile_reader(shape: Shape, knots: Knots[Convert]) -> Convert:
    kind = shape.type_name
    if kind == "structure":
        return knots.tie(shape.name, lambda: _structure_reader(shape, knots))
    if kind == "list":
        return _list_reader(shape, knots)
    if kind == "map":
        return _map_reader(shape, knots)
    return _scalar_reader(shape)


def _structure_reader(shape: Shape, knots: Knots[Convert]) -> Convert:
    members = []
    for name, member in members_of(shape).items():
        wire = wire_name(member, name)
        if member.type_name == "list" and member.serialization.get("flattened"):
            element: Shape = member.member
            wire = wire_name(element, wire)
        members.append((wire, name, _compile_reader(member, knots)))

    def read(node: Node) -> dict[str, Any]:
        if not node:
            return {}
        if isinstance(node, str):
            raise MalformedInput("A value was found where a structure was expected.")
        return {name: convert(node[wire]) for wire, name, convert in members if wire in node}

    return read


def _list_reader(shape: Shape, knots: Knots[Convert]) -> Convert:
    member: Shape = shape.member
    convert = _compile_reader(member, knots)
    element = None if shape.serialization.get("flattened") else wire_name(member, "member")

    def read(node: Node) -> list[Any]:
        if element is not None and isinstance(node, dict):
            node = node.get(element, "")
        if not node:
            return []
        if isinstance(node, str):
            return [convert(node)]  # "AttributeName=All": a list of one without its number
        return [convert(node[index]) for index in _in_order(node)]

    return read


def _map_reader(shape: Shape, knots: Knots[Convert]) -> Convert:
    key_shape: Shape = shape.key
    value_shape: Shape = shape.value
    key_name, value_name = wire_name(key_shape, "key"), wire_name(value_shape, "value")
    read_value = _compile_reader(value_shape, knots)
    is_flattened = shape.serialization.get("flattened")

    def read(node: Node) -> dict[str, Any]:
        if not is_flattened and isinstance(node, dict):
            node = node.get("entry", "")
        if not node:
            return {}
        if isinstance(node, str):
            raise MalformedInput("A value was found where a map was expected.")
        found = {}
        for index in _in_order(node):
            entry = node[index]
            key = entry.get(key_name) if isinstance(entry, dict) else None
            if not isinstance(entry, dict) or not isinstance(key, str):
                raise MalformedInput(f"An entry of a map has no {key_name}.")
            found[key] = read_value(entry.get(value_name, ""))
        return found

    return read


def _scalar_reader(shape: Shape) -> Convert:
    convert = text_reader(shape)

    def read(node: Node) -> Any:
        if not isinstance(node, str):
            raise MalformedInput("A structure was found where a value was expected.")
        if convert is None:
            return node
        try:
            return convert(node.strip())
        except (ValueError, Base64Error) as error:
            raise MalformedInput(f"{node[:64]} is no {shape.type_name}.") from error

    return read


def _in_order(node: Tree) -> list[str]:
    """The numbers of "member.1", "member.2", …, in order, however far apart."""
    for index in node:
        if not (index.isascii() and index.isdigit() and len(index) < limits.LIST_INDEX_DIGITS_MAX):
            raise MalformedInput(f"{index[:64]} is not the number of an element.")
    return sorted(node, key=int)
