"""Values that are written in a statement. Lists, bags and tuples are lists, sets and maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.partiql.cursor import Cursor
from wakeful.services.dynamodb.partiql.lexer import Malformed, Token
from wakeful.services.dynamodb.partiql.syntax import Collection, Literal_, Parameter, Term
from wakeful.services.dynamodb.values import Value, checked_value, kind

_CLOSING = {"[": "]", "<<": ">>", "{": "}", "(": ")"}


def number(text: str) -> Value:
    """As DynamoDB keeps it. Raises ValidationException for what it cannot keep."""
    try:
        return checked_value({"N": text})
    except ValidationException as error:
        if "significant digits" in str(error):
            raise ValidationException("DynamoDB only supports precision up to 38 digits") from error
        raise


def value(cursor: Cursor, under: str = "root") -> Term:
    """The value that comes next, or a parameter in its place. Raises Malformed, or ValidationException for what is
    PartiQL and has no place in an item.
    """
    token = cursor.token
    with cursor.deeper():
        if token.is_sign("[", "<<", "{", "("):
            return collection(cursor, under)
        found = scalar(cursor)
    if found is None:
        what = _what(token)
        if what is None:
            raise Malformed
        raise ValidationException(f"{what} under key {under} at {token.at}")
    if cursor.token.is_sign("+", "-", "*", "/", "%", "||"):
        after = cursor.token
        raise ValidationException(f"Unsupported data type: {after.text} under key {under} at {after.at}")
    return found


def scalar(cursor: Cursor) -> Term | None:
    """A text, a number, a truth, NULL or a parameter, if one comes next."""
    token = cursor.token
    if token.is_sign("?"):
        cursor.take()
        return Parameter(cursor.parameter())
    if token.is_sign("+", "-") and cursor.following.kind == "number":
        cursor.take()
        return Literal_(number(("-" if token.text == "-" else "") + cursor.take().text))
    if token.kind == "number":
        return Literal_(number(cursor.take().text))
    if token.kind == "text":
        return Literal_({"S": cursor.take().text})
    if token.is_word("TRUE", "FALSE"):
        return Literal_({"BOOL": cursor.take().text.upper() == "TRUE"})
    if token.is_word("NULL"):
        cursor.take()
        return Literal_({"NULL": True})
    return None


def collection(cursor: Cursor, under: str = "root", *, is_item: bool = False) -> Collection | Literal_:
    """The list, bag or tuple that comes next. One without parameters is a value at once. `under` is said of what is
    wrong in it; the attributes of an item are under no key.
    """
    opening = cursor.sign("[", "<<", "{", "(")
    closing = _CLOSING[opening.text]
    names: list[str] = []
    members: list[Term] = []
    while not cursor.try_sign(closing):
        if members:
            cursor.sign(",")
        if opening.text == "{":
            names.append(_key(cursor, names, under))
        key = names[-1] if names else len(members)
        members.append(value(cursor, under if is_item else f"{under}.{key}"))
    return put_together(opening, tuple(names), tuple(members))


def put_together(opening: Token, names: tuple[str, ...], members: tuple[Term, ...]) -> Collection | Literal_:
    kind = {"[": "list", "(": "list", "<<": "bag", "{": "tuple"}[opening.text]
    if kind == "bag" and not members:
        raise ValidationException(f"Empty bags are not supported at {opening.at}")
    known = [each.value for each in members if isinstance(each, Literal_)]
    if len(known) < len(members):
        return Collection(kind, members, names)  # type: ignore[arg-type] # one of three
    return Literal_(held(kind, names, known))


def held(kind: str, names: Sequence[str], members: Sequence[Value]) -> Value:
    """A list, a set or a map of these values. Raises ValidationException."""
    if kind == "tuple":
        return {"M": dict(zip(names, members, strict=True))}
    if kind == "list":
        return {"L": list(members)}
    return _set(members)


def _set(members: Sequence[Value]) -> Value:
    kinds = {kind(each) for each in members}
    if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
        raise ValidationException(
            "Unsupported data type in Bag. DynamoDB only supports either numbers or strings in bags"
        )
    (of,) = kinds
    found: list[Any] = [each[of] for each in members]
    if len(set(found)) < len(found):
        raise ValidationException("Input collection contains duplicates")
    return checked_value({f"{of}S": found})


def _key(cursor: Cursor, names: Sequence[str], under: str) -> str:
    token = cursor.take()
    if token.kind != "text":
        if token.kind in ("word", "name"):
            raise ValidationException(
                f"Tuple keys must be of type String. Actual type: VariableReference under {under} at {token.at}"
            )
        raise Malformed
    if token.text in names:
        raise ValidationException(f"Duplicate keys in tuple. Key: {token.text} under {under} at {token.at}")
    cursor.sign(":")
    return token.text


def _what(token: Token) -> str | None:
    """What stands where a value should, if it is PartiQL at all."""
    if token.kind == "ion":
        return "Ion Literals are not supported"
    if token.is_word("MISSING"):
        return "Unsupported data type: MISSING"
    if token.is_word("SELECT", "CASE", "CAST", "DATE", "TIME"):
        return "Unsupported data type: UNKNOWN"
    if token.kind in ("word", "name"):
        return "Unsupported data type: VariableReference"
    return None
