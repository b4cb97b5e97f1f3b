"""XML bodies: rest-xml both ways, and the answers of the query protocol. Shapes become closures once, as for JSON.

Readers ignore namespaces, elements that the model does not know, and everything that a document type could do: a body
with one is refused. Writers put members in the model's order, as AWS does.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLParser

from wakeful import limits
from wakeful.wire import timestamps
from wakeful.wire.errors import MalformedXML
from wakeful.wire.knots import Knots
from wakeful.wire.model import Shape, members_of, wire_name

Read = Callable[[Element], Any]
Append = Callable[[str], None]
WriteElement = Callable[[Any, Append], None]

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

_UNSAFE = re.compile(r"[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f]")
_UNSAFE_IN_ATTRIBUTE = re.compile(r"[&<>\"\x00-\x1f]")
_NAMES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


# --- reading ---


def parse(body: bytes) -> Element:
    """The root element. Raises MalformedXML."""
    # The encoding is forced, which only UTF-16 escapes, and that has zeros in it. So a document type can be spelt in
    # these bytes only; and without one there are no entities.
    if b"<!DOCTYPE" in body or b"\x00" in body or body.count(b"<") > limits.XML_TAGS_MAX:
        raise MalformedXML
    parser = XMLParser(encoding="utf-8")
    try:
        parser.feed(body)
        root: Element = parser.close()
    except (ParseError, ValueError) as error:
        raise MalformedXML from error
    return root


def local(tag: str) -> str:
    """An element's name without its namespace."""
    return tag.rpartition("}")[2] if tag[0] == "{" else tag


def compile_reader(shape: Shape, knots: Knots[Read]) -> Read:
    kind = shape.type_name
    if kind == "structure":
        return knots.tie(shape.name, lambda: _structure_reader(shape, knots))
    if kind == "list":
        return _list_reader(shape, knots)
    if kind == "map":
        return _map_reader(shape, knots)
    return _scalar_reader(shape)


def _structure_reader(shape: Shape, knots: Knots[Read]) -> Read:
    plain: dict[str, tuple[str, Read]] = {}
    lists: dict[str, tuple[str, Read]] = {}
    maps: dict[str, tuple[str, Read]] = {}
    attributes: dict[str, str] = {}
    for name, member in members_of(shape).items():
        wire = wire_name(member, name)
        if "location" in member.serialization:
            continue
        if member.serialization.get("xmlAttribute"):
            attributes[wire.rpartition(":")[2]] = name
        elif not member.serialization.get("flattened"):
            plain[wire] = (name, compile_reader(member, knots))
        elif member.type_name == "list":
            element: Shape = member.member
            lists[wire] = lists[wire_name(element, wire)] = (name, compile_reader(element, knots))
        else:
            maps[wire] = (name, _entry_reader(member, knots))

    def read(element: Element) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for child in element:
            tag = local(child.tag)
            if tag in plain:
                name, convert = plain[tag]
                found[name] = convert(child)
            elif tag in lists:
                name, convert = lists[tag]
                found.setdefault(name, []).append(convert(child))
            elif tag in maps:
                name, convert = maps[tag]
                key, value = convert(child)
                found.setdefault(name, {})[key] = value
        if attributes:
            for key, value in element.attrib.items():
                if local(key) in attributes:
                    found[attributes[local(key)]] = value
        return found

    return read


def _list_reader(shape: Shape, knots: Knots[Read]) -> Read:
    member: Shape = shape.member
    tag = wire_name(member, "member")
    convert = compile_reader(member, knots)
    return lambda element: [convert(child) for child in element if local(child.tag) == tag]


def _map_reader(shape: Shape, knots: Knots[Read]) -> Read:
    read_entry = _entry_reader(shape, knots)
    return lambda element: dict(read_entry(entry) for entry in element)


def _entry_reader(shape: Shape, knots: Knots[Read]) -> Read:
    key_shape: Shape = shape.key
    value_shape: Shape = shape.value
    key_tag, value_tag = wire_name(key_shape, "key"), wire_name(value_shape, "value")
    read_key, read_value = compile_reader(key_shape, knots), compile_reader(value_shape, knots)

    def read(entry: Element) -> tuple[Any, Any]:
        children = {local(child.tag): child for child in entry}
        if key_tag not in children or value_tag not in children:
            raise MalformedXML
        return read_key(children[key_tag]), read_value(children[value_tag])

    return read


def _scalar_reader(shape: Shape) -> Read:
    convert = text_reader(shape)
    if convert is None:
        return lambda element: element.text or ""

    def read(element: Element) -> Any:
        try:
            return convert((element.text or "").strip())
        except (ValueError, Base64Error) as error:
            raise MalformedXML from error

    return read


def text_reader(shape: Shape, timestamp_format: str = "iso8601") -> Callable[[str], Any] | None:
    """From text to a scalar; None where the text is the value. What is compiled raises ValueError."""
    kind = shape.type_name
    if kind in ("integer", "long"):
        return _read_integer
    if kind == "boolean":
        return _read_boolean
    if kind in ("float", "double"):
        return float
    if kind == "timestamp":
        return timestamps.PARSE[shape.serialization.get("timestampFormat", timestamp_format)]
    if kind == "blob":
        return lambda text: a2b_base64(text.encode("ascii"))
    return None


def _read_integer(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**63 or "_" in text:
        raise ValueError(f"no integer of 64 bits: {text}")
    return value


def _read_boolean(text: str) -> bool:
    lower = text.lower()
    if lower not in ("true", "false"):
        raise ValueError(f"neither true nor false: {text}")
    return lower == "true"


# --- writing ---


def escape(text: str) -> str:
    """Text as it stands in an element. A carriage return and other controls survive as references, as S3 has it."""
    return _UNSAFE.sub(_reference, text) if _UNSAFE.search(text) else text


def escape_attribute(text: str) -> str:
    return _UNSAFE_IN_ATTRIBUTE.sub(_reference, text)


def _reference(match: re.Match[str]) -> str:
    character = match[0]
    return _NAMES.get(character) or f"&#{ord(character)};"


def compile_writer(
    shape: Shape,
    tag: str,
    knots: Knots[WriteElement],
    write_timestamp: Callable[[Any], str],
    attributes: str = "",
) -> WriteElement:
    """A closure that appends the element `tag` with the value in it. `attributes` go into the opening tag."""
    kind = shape.type_name
    opening, closing = f"<{tag}{_namespace(shape)}{attributes}", f"</{tag}>"
    if kind == "structure":
        body = compile_body(shape, knots, write_timestamp)
        names = _attribute_members(shape)

        def write_structure(value: Mapping[str, Any], append: Append) -> None:
            append(opening)
            for name, wire in names:
                if value.get(name) is not None:
                    append(f' {wire}="{escape_attribute(value[name])}"')
            append(">")
            body(value, append)
            append(closing)

        return write_structure
    if kind in ("list", "map"):
        items = (
            _list_items(shape, tag, knots, write_timestamp)
            if kind == "list"
            else _map_items(shape, tag, knots, write_timestamp)
        )
        if shape.serialization.get("flattened"):
            return items

        def write_wrapped(value: Any, append: Append) -> None:
            append(opening)
            append(">")
            items(value, append)
            append(closing)

        return write_wrapped
    to_text = text_writer(shape, write_timestamp)
    return lambda value, append: append(f"{opening}>{to_text(value)}{closing}")


def compile_body(shape: Shape, knots: Knots[WriteElement], write_timestamp: Callable[[Any], str]) -> WriteElement:
    """A closure that appends a structure's members, without an element around them."""
    return knots.tie(shape.name, lambda: _structure_body(shape, knots, write_timestamp))


def _structure_body(shape: Shape, knots: Knots[WriteElement], write_timestamp: Callable[[Any], str]) -> WriteElement:
    parts: list[tuple[str, WriteElement | None]] = []
    for name, member in members_of(shape).items():
        if "location" in member.serialization:
            continue
        if member.serialization.get("xmlAttribute"):
            parts.append((name, None))
        else:
            parts.append((name, compile_writer(member, _tag(member, name), knots, write_timestamp)))

    def write(value: Mapping[str, Any], append: Append) -> None:
        seen = 0
        for name, write_member in parts:
            if name in value:
                seen += 1
                item = value[name]
                if item is not None and write_member is not None:
                    write_member(item, append)
        if seen != len(value):
            raise KeyError(f"{shape.name} has no member {sorted(value.keys() - {name for name, _ in parts})}")

    return write


def _list_items(
    shape: Shape, tag: str, knots: Knots[WriteElement], write_timestamp: Callable[[Any], str]
) -> WriteElement:
    member: Shape = shape.member
    element = tag if shape.serialization.get("flattened") else wire_name(member, "member")
    write_item = compile_writer(member, element, knots, write_timestamp)

    def write(value: Any, append: Append) -> None:
        for item in value:
            write_item(item, append)

    return write


def _map_items(
    shape: Shape, tag: str, knots: Knots[WriteElement], write_timestamp: Callable[[Any], str]
) -> WriteElement:
    key_shape: Shape = shape.key
    value_shape: Shape = shape.value
    entry = tag if shape.serialization.get("flattened") else "entry"
    write_key = compile_writer(key_shape, wire_name(key_shape, "key"), knots, write_timestamp)
    write_value = compile_writer(value_shape, wire_name(value_shape, "value"), knots, write_timestamp)

    def write(value: Mapping[str, Any], append: Append) -> None:
        for key, item in value.items():
            append(f"<{entry}>")
            write_key(key, append)
            write_value(item, append)
            append(f"</{entry}>")

    return write


def text_writer(shape: Shape, write_timestamp: Callable[[Any], str]) -> Callable[[Any], str]:
    """From a scalar to escaped text. What is compiled raises TypeError where a handler gave something else."""
    kind = shape.type_name
    if kind == "timestamp":
        form = shape.serialization.get("timestampFormat")
        if form == "rfc822":
            return timestamps.format_rfc822
        if form == "unixtimestamp":
            return lambda value: str(timestamps.format_epoch(value))
        return write_timestamp
    if kind == "blob":
        return lambda value: b64encode(value).decode("ascii")
    if kind in ("string", "character"):
        return _write_string
    types = {"boolean": (bool,), "integer": (int,), "long": (int,)}.get(kind, (int, float))

    def write(value: Any) -> str:
        if type(value) not in types:
            raise TypeError(f"{shape.name} is a {kind}, not a {type(value).__name__}")
        return "true" if value is True else "false" if value is False else repr(value)

    return write


def _write_string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a string was expected, not a {type(value).__name__}")
    return escape(value)


def _attribute_members(shape: Shape) -> list[tuple[str, str]]:
    return [
        (name, wire_name(member, name))
        for name, member in members_of(shape).items()
        if member.serialization.get("xmlAttribute")
    ]


def _tag(member: Shape, name: str) -> str:
    """A flattened list has no element of its own; its items are named after the list's member, if that has a name."""
    if member.type_name == "list" and member.serialization.get("flattened"):
        element: Shape = member.member
        return wire_name(element, wire_name(member, name))
    return wire_name(member, name)


def _namespace(shape: Shape) -> str:
    namespace = shape.serialization.get("xmlNamespace")
    if not namespace:
        return ""
    if isinstance(namespace, str):
        return f' xmlns="{namespace}"'
    prefix = f":{namespace['prefix']}" if namespace.get("prefix") else ""
    return f' xmlns{prefix}="{namespace["uri"]}"'
