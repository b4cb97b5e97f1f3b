"""The parts of a statement that are computed: paths, operands, conditions, and what is assigned."""

from __future__ import annotations

from typing import Literal, TypeAlias

from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.partiql import literals
from wakeful.services.dynamodb.partiql.cursor import Cursor
from wakeful.services.dynamodb.partiql.lexer import Malformed, Token
from wakeful.services.dynamodb.partiql.syntax import (
    And,
    Arithmetic,
    Between,
    Collection,
    Comparison,
    Condition,
    Function,
    In,
    Is,
    Literal_,
    Not,
    Or,
    Parameter,
    Path,
    Term,
)

Where: TypeAlias = Literal["Condition", "Update"]
"""In which kind of expression something stands: they have operators and functions of their own."""

_TRUTHS = frozenset(("begins_with", "contains", "attribute_type", "attribute_exists", "attribute_not_exists"))
_OF_SETS = frozenset(("set_add", "set_delete"))
_FUNCTIONS: dict[Where, frozenset[str]] = {
    "Condition": _TRUTHS | {"size"},
    "Update": _OF_SETS | {"if_not_exists", "list_append"},
}
_MISSING = "MISSING must be compared using IS operator"
_NO_SEQUENCE = (
    "IN operator must have a left hand argument of type Variable Reference and right hand argument of type Seq with"
    " at least one member"
)
_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

_Phrase: TypeAlias = "Term | Condition"


def path(cursor: Cursor, *, starred: bool = False) -> Path:
    """`name`, `name.member`, `name['member']`, `name[0]`, in any length. A star among what is selected is refused."""
    at = cursor.token.at
    steps: list[str | int] = [cursor.name().text]
    while True:
        if cursor.try_sign("."):
            if starred and cursor.token.is_sign("*"):
                raise ValidationException("Changing item's hierarchy while reading isn't supported")
            steps.append(cursor.name().text)
        elif cursor.try_sign("["):
            token = cursor.take()
            if token.kind == "number" and token.text.isdigit():
                steps.append(int(token.text))
            elif token.kind == "text":
                steps.append(token.text)
            else:
                raise Malformed
            cursor.sign("]")
        else:
            return Path(tuple(steps), at)


def condition(cursor: Cursor) -> Condition:
    """What follows WHERE. Raises ValidationException where it is neither true nor false."""
    return _truth(_any_of(cursor, "Condition"))


def assigned(cursor: Cursor) -> Term:
    """What follows `SET path =`."""
    found = _sum(cursor, "Update")
    return _term(found, "Update")


def _truth(phrase: _Phrase) -> Condition:
    if isinstance(phrase, Function) and phrase.name in _TRUTHS:
        return phrase
    if isinstance(phrase, Comparison | Between | In | Is | Not | And | Or):
        return phrase
    raise ValidationException("WHERE clause must contain an expression that resolves to a boolean")


def _term(phrase: _Phrase, where: Where) -> Term:
    if isinstance(phrase, Comparison):
        raise _unsupported(phrase.sign, where)
    if isinstance(phrase, Between | In | Is | Not | And | Or):
        raise _unsupported(type(phrase).__name__.lower(), where)
    return phrase


def _any_of(cursor: Cursor, where: Where) -> _Phrase:
    with cursor.deeper():
        found = [_all_of(cursor, where)]
        while cursor.try_word("OR"):
            found.append(_all_of(cursor, where))
    return found[0] if len(found) == 1 else Or(tuple(_flat(found, Or)))


def _all_of(cursor: Cursor, where: Where) -> _Phrase:
    found = [_negation(cursor, where)]
    while cursor.try_word("AND"):
        found.append(_negation(cursor, where))
    return found[0] if len(found) == 1 else And(tuple(_flat(found, And)))


def _flat(found: list[_Phrase], kind: type[And] | type[Or]) -> list[Condition]:
    """What is in parentheses of the same kind is not in any."""
    flat: list[Condition] = []
    for each in found:
        flat += each.conditions if isinstance(each, kind) else (_truth(each),)
    return flat


def _negation(cursor: Cursor, where: Where) -> _Phrase:
    if cursor.try_word("NOT"):
        with cursor.deeper():
            return Not(_truth(_negation(cursor, where)))
    return _predicate(cursor, where)


def _predicate(cursor: Cursor, where: Where) -> _Phrase:
    left = _sum(cursor, where)
    sign = cursor.try_sign(*_COMPARISONS)
    if sign is not None:
        right = _term(_sum(cursor, where), where)
        return Comparison(_COMPARISONS[sign.text], _term(left, where), right)  # type: ignore[arg-type] # one of six
    if cursor.try_word("IS"):
        is_not = cursor.try_word("NOT") is not None
        what = cursor.word("MISSING", "NULL").text.upper()
        found: Condition = Is(_term(left, where), what)  # type: ignore[arg-type] # one of two
        return Not(found) if is_not else found
    is_not = cursor.token.is_word("NOT") and cursor.following.is_word("IN", "BETWEEN", "LIKE")
    if is_not:
        cursor.take()
    word = cursor.try_word("IN", "BETWEEN", "LIKE")
    if word is None:
        return left
    found = _set_predicate(cursor, word, left, where)
    return Not(found) if is_not else found


def _set_predicate(cursor: Cursor, word: Token, left: _Phrase, where: Where) -> Condition:
    if word.is_word("LIKE"):
        raise _unsupported("like", where)
    if word.is_word("BETWEEN"):
        low = _term(_sum(cursor, where), where)
        cursor.word("AND")
        return Between(_term(left, where), low, _term(_sum(cursor, where), where))
    return In(_term(left, where), _members(cursor, where))


def _members(cursor: Cursor, where: Where) -> tuple[Term, ...]:
    """What follows IN: terms in brackets or parentheses."""
    opening = cursor.try_sign("[", "(")
    if opening is None:
        _sum(cursor, where)  # which is anything, but no sequence
        raise ValidationException(_NO_SEQUENCE)
    members: list[Term] = []
    closing = "]" if opening.text == "[" else ")"
    while not cursor.try_sign(closing):
        if members:
            cursor.sign(",")
        members.append(_term(_sum(cursor, where), where))
    if not members:
        raise ValidationException(_NO_SEQUENCE)
    return tuple(members)


def _sum(cursor: Cursor, where: Where) -> _Phrase:
    found = _operand(cursor, where)
    while sign := cursor.try_sign("+", "-", "*", "/", "%", "||"):
        if where == "Condition" or sign.text not in "+-":
            raise _unsupported(sign.text, where)
        right = _term(_operand(cursor, where), where)
        found = Arithmetic(sign.text, _term(found, where), right)  # type: ignore[arg-type] # one of two
    return found


def _operand(cursor: Cursor, where: Where) -> _Phrase:
    token = cursor.token
    if cursor.following.is_sign("(") and token.kind == "word" and not token.is_word("NOT", "AND", "OR", "IN"):
        return _function(cursor, where)
    if token.is_word("MISSING"):
        raise ValidationException(_MISSING)
    if token.is_word("SELECT", "CASE", "CAST"):
        raise _unsupported_token(token)
    if cursor.is_name():
        return path(cursor)
    if token.is_sign("("):
        return _in_parentheses(cursor, where)
    if token.is_sign("[", "<<", "{"):
        return literals.collection(cursor)
    found = literals.scalar(cursor)
    if found is None:
        raise Malformed
    return found


def _in_parentheses(cursor: Cursor, where: Where) -> _Phrase:
    """A condition or an operand; or, with a comma, a list."""
    opening = cursor.sign("(")
    if cursor.token.is_word("SELECT"):
        raise _unsupported_token(cursor.token)
    found = [_any_of(cursor, where)]
    while cursor.try_sign(","):
        found.append(_any_of(cursor, where))
    cursor.sign(")")
    if len(found) == 1:
        return found[0]
    members = tuple(_term(each, where) for each in found)
    if not all(map(is_whole, members)):
        raise Malformed
    return literals.put_together(opening, (), members)


def _function(cursor: Cursor, where: Where) -> Function:
    token = cursor.take()
    if token.is_word("CAST"):
        raise ValidationException(f"Unsupported token in expression: cast at {cursor.token.at}")
    name = token.text.lower()
    cursor.sign("(")
    arguments: list[Term] = []
    with cursor.deeper():
        while not cursor.try_sign(")"):
            if arguments:
                cursor.sign(",")
            arguments.append(_term(_any_of(cursor, where), where))
    if name not in _FUNCTIONS[where]:
        if name not in _OF_SETS and name in _FUNCTIONS["Update" if where == "Condition" else "Condition"]:
            kind = "a condition" if where == "Condition" else "an update"
            raise ValidationException(f"The function is not allowed in {kind} expression; function: {name}")
        raise ValidationException(f"Unrecognized function: {name} at {token.at}")
    return Function(name, tuple(arguments), token.at)


def _unsupported(operator: str, where: Where) -> ValidationException:
    return ValidationException(f"Unsupported operator in {where} Expression. Operator: {operator}")


def _unsupported_token(token: Token) -> ValidationException:
    return ValidationException(f"Unsupported token in expression: {token.text.upper()} at {token.at}")


def is_whole(term: Term) -> bool:
    """Whether it is a value, or a parameter, by itself: no path, and nothing computed."""
    return isinstance(term, Literal_ | Parameter | Collection)
