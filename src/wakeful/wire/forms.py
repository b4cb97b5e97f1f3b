"""Query strings and forms: names and values out of percent-encoded text, and the tree that dotted names make."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, unquote_plus

from wakeful import limits
from wakeful.wire.errors import MalformedInput

Query = Mapping[str, list[str]]
Form = Mapping[str, str]
Tree = dict[str, "str | Tree"]


def read_query(text: str) -> Query:
    """Every value of every parameter; "?acl" is an empty value. Raises UnicodeDecodeError, and MalformedInput for
    more fields than anybody needs.
    """
    if not text:
        return {}
    query: dict[str, list[str]] = {}
    for name, value in _fields(text):
        values = query.get(name)
        if values is None:
            query[name] = [value]
        else:
            values.append(value)
    return query


def read_form(body: bytes) -> Form:
    """The fields of a form. Raises MalformedInput."""
    try:
        return dict(_fields(body.decode("ascii")))
    except UnicodeDecodeError as error:
        raise MalformedInput("The form is not percent-encoded UTF-8.") from error


def tree_of(form: Form) -> Tree:
    """Tags.member.1.Key=a → {"Tags": {"member": {"1": {"Key": "a"}}}}. Raises MalformedInput."""
    root: Tree = {}
    for name, value in form.items():
        if "." not in name:
            if type(root.setdefault(name, value)) is not str:
                raise MalformedInput(f"{name} is both a value and a structure.")
            continue
        parts = name.split(".")
        if len(parts) > limits.FORM_DEPTH_MAX:
            raise MalformedInput(f"{parts[0]} is nested too deeply.")
        node = root
        for part in parts[:-1]:
            child = node.setdefault(part, {})
            if isinstance(child, str):
                if child:
                    raise MalformedInput(f"{name} is both a value and a structure.")
                child = node[part] = {}  # "Tags=" is how an empty list is sent; elements after all win
            node = child
        if type(node.setdefault(parts[-1], value)) is not str:
            raise MalformedInput(f"{name} is both a value and a structure.")
    return root


def decoded(segment: str) -> str:
    """One segment of a path. A "+" stays one. Raises UnicodeDecodeError."""
    return unquote(segment, errors="strict") if "%" in segment else segment


def _fields(text: str) -> list[tuple[str, str]]:
    parts = text.split("&")
    if len(parts) > limits.FORM_FIELDS_MAX:
        raise MalformedInput(f"More than {limits.FORM_FIELDS_MAX} fields.")
    fields = []
    for part in parts:
        if not part:
            continue
        name, _, value = part.partition("=")
        if "%" in name or "+" in name:
            name = unquote_plus(name, errors="strict")
        if "%" in value or "+" in value:
            value = unquote_plus(value, errors="strict")
        fields.append((name, value))
    return fields
