"""DynamoDB's PartiQL: SELECT, INSERT, UPDATE, DELETE and EXISTS, from text to values ("PartiQL for DynamoDB").

What is PartiQL and not DynamoDB's is refused by name, as DynamoDB does; what is no PartiQL is not well formed.
"""

from __future__ import annotations

from functools import lru_cache

from wakeful import limits
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.partiql import columns, literals, phrases
from wakeful.services.dynamodb.partiql.cursor import Cursor
from wakeful.services.dynamodb.partiql.lexer import Malformed, malformed
from wakeful.services.dynamodb.partiql.syntax import (
    Assignment,
    Condition,
    Delete,
    Exists,
    Insert,
    Order,
    Parsed,
    Path,
    Returning,
    Select,
    Statement,
    Update,
)

_OTHER = {"CREATE": "CreateTable", "DROP": "DropTable"}
_NO_INSERTED = (
    "Unsupported format in item expression. Please use struct format {...} to express item values for insert statement."
)


@lru_cache(limits.DYNAMODB_PARSED_STATEMENTS)
def parsed(statement: str) -> Parsed:
    """What the statement says. Raises ValidationException. The same text is read once."""
    try:
        cursor = Cursor(statement)
        found = _statement(cursor)
        cursor.try_sign(";")
        if cursor.token.kind != "end":
            raise Malformed
    except Malformed:
        raise malformed(statement) from None
    return Parsed(found, cursor.parameters)


def _statement(cursor: Cursor) -> Statement:
    token = cursor.take()
    if token.is_word("SELECT"):
        return _select(cursor)
    if token.is_word("INSERT"):
        return _insert(cursor)
    if token.is_word("UPDATE"):
        return _update(cursor)
    if token.is_word("DELETE"):
        return _delete(cursor)
    if token.is_word("EXISTS"):
        return _exists(cursor)
    if token.is_word(*_OTHER):
        raise ValidationException(f"Unsupported operation: {_OTHER[token.text.upper()]}")
    raise malformed("Expected data manipulation")


# --- SELECT -----------------------------------------------------------------------------------------------------------


def _exists(cursor: Cursor) -> Exists:
    cursor.sign("(")
    cursor.word("SELECT")
    found = _select(cursor)
    cursor.sign(")")
    return Exists(found)


def _select(cursor: Cursor) -> Select:
    token = cursor.token
    if cursor.try_word("DISTINCT"):
        raise ValidationException("Unsupported token in expression: DISTINCT")
    if token.is_word("VALUE", "PIVOT"):
        raise ValidationException("Select projection doesn't support value or pivot keywords")
    paths = None if cursor.try_sign("*") else _columns(cursor)
    cursor.word("FROM")
    table, index = _source(cursor)
    where = phrases.condition(cursor) if cursor.try_word("WHERE") else None
    order = _order(cursor)
    _check_clauses(cursor)
    if order and where is None:
        raise ValidationException("Must have WHERE clause in the statement when using ORDER BY clause.")
    return Select(table, index, paths, where, order)


def _columns(cursor: Cursor) -> tuple[Path, ...]:
    found: list[Path] = []
    while not found or cursor.try_sign(","):
        found.append(_column(cursor))
    names: set[str] = set()
    for each in found:
        name = columns.name_of(each)
        if name in names:
            raise ValidationException(f"Duplicate identifiers in select clause: {name}")
        names.add(name)
    return tuple(found)


def _column(cursor: Cursor) -> Path:
    token = cursor.token
    is_call = token.kind == "word" and cursor.following.is_sign("(")
    if is_call or not cursor.is_name():
        if (
            is_call
            or literals.scalar(cursor) is not None
            or token.is_sign("{", "[", "<<", "(")
            or token.is_word("MISSING")
        ):
            raise ValidationException(f"Unexpected path component at {token.at}")
        raise Malformed
    found = phrases.path(cursor, starred=True)
    token = cursor.token
    if token.is_sign("+", "-", "*", "/", "%", "||"):
        raise ValidationException(f"Unexpected path component at {token.at}")
    if token.is_word("AS") or cursor.is_name():
        raise ValidationException("Aliasing is not supported")
    return found


def _source(cursor: Cursor) -> tuple[str, str | None]:
    """The table, and the index where one is named."""
    if not cursor.is_name():
        if cursor.token.is_sign("(", "[", "<<", "{"):
            raise ValidationException("Unexpected from source")
        raise Malformed
    names = [cursor.name().text]
    while cursor.try_sign("."):
        names.append(cursor.name().text)
    token = cursor.token
    if token.is_sign(","):
        raise ValidationException("Only select from a single table or index is supported.")
    if token.is_sign("-", "+", "*", "/", "[", "("):
        raise ValidationException("Unexpected from source")
    if token.is_word("AS", "AT") or cursor.is_name():
        raise ValidationException("Aliasing is not supported")
    if "" in names:
        raise ValidationException("Path component cannot be an empty string")
    if len(names) > 2:
        raise ValidationException("A path may contain at most 2 components in the FROM clause")
    return names[0], names[1] if len(names) == 2 else None


def _order(cursor: Cursor) -> tuple[Order, ...]:
    if not cursor.try_word("ORDER"):
        return ()
    cursor.word("BY")
    found: list[Order] = []
    while not found or cursor.try_sign(","):
        name = phrases.path(cursor).name
        if name is None:
            raise Malformed
        way = cursor.try_word("ASC", "DESC")
        found.append(Order(name, way is not None and way.is_word("DESC")))
    return tuple(found)


def _check_clauses(cursor: Cursor) -> None:
    """Raises ValidationException for clauses that DynamoDB does not have."""
    token = cursor.token
    if token.is_word("GROUP"):
        raise ValidationException("Unsupported clause: GROUP BY")
    if token.is_word("LIMIT", "HAVING"):
        raise ValidationException(f"Unsupported clause: {token.text.upper()} at {cursor.following.at}")


# --- INSERT, UPDATE, DELETE -------------------------------------------------------------------------------------------


def _insert(cursor: Cursor) -> Insert:
    cursor.word("INTO")
    table, index = _target(cursor)
    if index is not None:
        raise ValidationException("FROM clause may only contain a single table name in data manipulation statements")
    cursor.word("VALUE")
    at = cursor.token.at
    if not cursor.token.is_sign("{"):
        if cursor.token.is_sign("[", "<<", "(", "?"):
            raise ValidationException(f"{_NO_INSERTED} at {at}")
        raise Malformed
    item = literals.collection(cursor, is_item=True)
    if cursor.token.is_word("RETURNING"):
        raise ValidationException("RETURNING is not supported in INSERT")
    if cursor.token.is_word("ON"):
        raise ValidationException("Unsupported clause: ON CONFLICT")
    return Insert(table, item)


def _update(cursor: Cursor) -> Update:
    table, index = _target(cursor)
    assignments: list[Assignment] = []
    removals: list[Path] = []
    while word := cursor.try_word("SET", "REMOVE"):
        if word.is_word("REMOVE"):
            removals.append(phrases.path(cursor))
            continue
        assignments.append(_assignment(cursor))
        while cursor.try_sign(","):
            assignments.append(_assignment(cursor))
    if not assignments and not removals:
        raise Malformed
    where, returning = _where_and_returning(cursor)
    _check_target(index)
    return Update(table, index, tuple(assignments), tuple(removals), where, returning)


def _assignment(cursor: Cursor) -> Assignment:
    path = phrases.path(cursor)
    cursor.sign("=")
    return Assignment(path, phrases.assigned(cursor))


def _delete(cursor: Cursor) -> Delete:
    cursor.word("FROM")
    table, index = _target(cursor)
    where, returning = _where_and_returning(cursor)
    if returning not in (None, "ALL OLD"):
        raise ValidationException(
            f"Invalid returning clause: RETURNING {returning} *."
            " Only RETURNING ALL OLD * is allowed in DELETE statements."
        )
    _check_target(index)
    return Delete(table, index, where, returning)


def _target(cursor: Cursor) -> tuple[str, str | None]:
    names = [cursor.name().text]
    while cursor.try_sign("."):
        names.append(cursor.name().text)
    if "" in names:
        raise ValidationException("Path component cannot be an empty string")
    if len(names) > 2:
        raise ValidationException("A path may contain at most 2 components in the FROM clause")
    return names[0], names[1] if len(names) == 2 else None


def _check_target(index: str | None) -> None:
    if index is not None:
        raise ValidationException("This operation is not supported on an index")


def _where_and_returning(cursor: Cursor) -> tuple[Condition | None, Returning | None]:
    where = phrases.condition(cursor) if cursor.try_word("WHERE") else None
    if not cursor.try_word("RETURNING"):
        return where, None
    which = cursor.word("ALL", "MODIFIED").text.upper()
    when = cursor.word("OLD", "NEW").text.upper()
    if not cursor.try_sign("*"):
        raise ValidationException("Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause")
    if cursor.token.is_sign(","):
        raise ValidationException("Invalid syntax with multiple returning elements in RETURNING clause")
    return where, f"{which} {when}"  # type: ignore[return-value] # one of four
