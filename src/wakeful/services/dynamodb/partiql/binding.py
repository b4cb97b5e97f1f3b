"""Statements with their parameters, in the words of expressions: what is true of an expression is true of PartiQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

from wakeful.services.dynamodb import values
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions import conditions, projections, updates
from wakeful.services.dynamodb.expressions.bound import Substitutes
from wakeful.services.dynamodb.expressions.conditions import BoundCondition
from wakeful.services.dynamodb.expressions.updates import BoundUpdate
from wakeful.services.dynamodb.partiql import literals
from wakeful.services.dynamodb.partiql.columns import Columns
from wakeful.services.dynamodb.partiql.syntax import (
    And,
    Arithmetic,
    Assignment,
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
    Parsed,
    Path,
    Term,
)
from wakeful.services.dynamodb.values import Value
from wakeful.wire.errors import NotImplementedHere


@dataclass(frozen=True, slots=True)
class Parameters:
    """Of one statement, checked."""

    values: tuple[Value, ...]

    def of(self, term: Term) -> Value | None:
        """The value that a term is; None for what only an item can tell."""
        if isinstance(term, Literal_):
            return term.value
        if isinstance(term, Parameter):
            return self.values[term.place]
        if isinstance(term, Collection):
            return literals.held(term.kind, term.keys, [self.known(each) for each in term.members])
        return None

    def known(self, term: Term) -> Value:
        found = self.of(term)
        assert found is not None, "collections are of values"
        return found


def parameters(parsed: Parsed, given: Sequence[Any]) -> Parameters:
    """Raises ValidationException where there are too few, or one is no value."""
    if len(given) < parsed.parameters:
        raise ValidationException("Number of parameters in request and statement don't match.")
    return Parameters(tuple(values.checked_value(each) for each in given))


@dataclass(slots=True)
class Words:
    """Puts expressions together: paths and values get names of their own, as ExpressionAttributeNames and -Values."""

    parameters: Parameters
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    _by_name: dict[str, str] = field(default_factory=dict)

    def path(self, path: Path) -> str:
        found = ""
        for step in path.steps:
            if isinstance(step, int):
                found += f"[{step}]"
            else:
                found += ("." if found else "") + self._named(step)
        return found

    def value(self, value: Value) -> str:
        name = f":{len(self.values)}"
        self.values[name] = value
        return name

    def condition(self, condition: Condition) -> str:
        """As a ConditionExpression or FilterExpression says it."""
        match condition:
            case And(conditions):
                return " AND ".join(self._grouped(each, Or) for each in conditions)
            case Or(conditions):
                return " OR ".join(map(self.condition, conditions))
            case Not(inner):
                return f"NOT {self._grouped(inner, And, Or)}"
            case Comparison(sign, left, right):
                return f"{self.term(left)} {sign} {self.term(right)}"
            case Between(term, low, high):
                return f"{self.term(term)} BETWEEN {self.term(low)} AND {self.term(high)}"
            case In(term, members):
                return f"{self.term(term)} IN ({', '.join(map(self.term, members))})"
            case Is(term, what):
                return self._is(term, what)
            case Function():
                return self.term(condition)

    def term(self, term: Term) -> str:
        match term:
            case Path():
                return self.path(term)
            case Function(name, arguments):
                return f"{name}({', '.join(map(self.term, arguments))})"
            case Arithmetic():
                return self._sum(term)
            case _:
                return self.value(self.parameters.known(term))

    def update(self, assignments: Sequence[Assignment], removals: Sequence[Path]) -> str:
        """As an UpdateExpression says it; functions of sets are its ADD and DELETE."""
        sections: dict[str, list[str]] = {"SET": [], "REMOVE": [], "ADD": [], "DELETE": []}
        for each in assignments:
            target = self.path(each.path)
            if isinstance(each.term, Function) and each.term.name in _OF_SETS:
                section = _OF_SETS[each.term.name]
                sections[section].append(f"{target} {self._changed_set(each.path, each.term)}")
            else:
                sections["SET"].append(f"{target} = {self.term(each.term)}")
        sections["REMOVE"] += map(self.path, removals)
        return " ".join(f"{section} {', '.join(actions)}" for section, actions in sections.items() if actions)

    def _named(self, name: str) -> str:
        found = self._by_name.get(name)
        if found is None:
            found = self._by_name[name] = f"#{len(self.names)}"
            self.names[found] = name
        return found

    def _grouped(self, condition: Condition, *loose: type) -> str:
        """In parentheses where it would bind less than what is around it."""
        found = self.condition(condition)
        return f"({found})" if isinstance(condition, loose) else found

    def _is(self, term: Term, what: str) -> str:
        if isinstance(term, Function | Arithmetic | Collection):
            raise ValidationException(
                "The left hand side argument to IS must be a Variable Reference, Literal, or Path"
            )
        if what == "MISSING":
            return f"attribute_not_exists({self.term(term)})"
        return f"attribute_type({self.term(term)}, {self.value({'S': 'NULL'})})"

    def _changed_set(self, path: Path, function: Function) -> str:
        name = function.name.upper()
        if len(function.arguments) != 2:
            raise ValidationException(f"{name} must have exactly two arguments at {function.at}")
        changed, members = function.arguments
        if not isinstance(changed, Path) or changed != path:
            raise ValidationException(f"The first argument to {name} must equal the assignment value at {function.at}")
        found = self.parameters.of(members)
        if found is None or found.keys().isdisjoint(("SS", "NS", "BS")):
            raise ValidationException(f"The second argument to {name} must be a value with type SET at {changed.at}")
        return self.value(found)

    def _sum(self, term: Arithmetic) -> str:
        """An expression adds two. Of more, the numbers are added up here."""
        leaves = list(_leaves(term, is_added=True))
        if len(leaves) == 2:
            (left, _), (right, is_added) = leaves
            return f"{self.term(left)} {'+' if is_added else '-'} {self.term(right)}"
        total, others = self._added_up(leaves)
        others.sort(key=lambda each: not each[1])
        if not others:
            return self.value(literals.number(str(total)))
        if len(others) == 1:
            number = self.value(literals.number(str(total)))
            ((other, is_added),) = others
            return f"{self.term(other)} + {number}" if is_added else f"{number} - {self.term(other)}"
        (left, is_first_added), (right, is_added) = others[:2]
        if len(others) > 2 or total or not is_first_added:
            raise NotImplementedHere("Wakeful does not add more than two attributes in one assignment of PartiQL yet.")
        return f"{self.term(left)} {'+' if is_added else '-'} {self.term(right)}"

    def _added_up(self, leaves: Sequence[tuple[Term, bool]]) -> tuple[Decimal, list[tuple[Term, bool]]]:
        """The sum of what is known, and the rest."""
        total = Decimal(0)
        others: list[tuple[Term, bool]] = []
        for term, is_added in leaves:
            found = self.parameters.of(term)
            if found is None:
                others.append((term, is_added))
            elif "N" not in found:
                raise ValidationException(
                    "Incorrect operand type for operator or function;"
                    f" operator or function: {'+' if is_added else '-'}, operand type: {values.kind(found)}"
                )
            else:
                total = _EXACT.add(total, Decimal(found["N"]) if is_added else -Decimal(found["N"]))
        return total, others


_OF_SETS = {"set_add": "ADD", "set_delete": "DELETE"}
_EXACT = Context(prec=400)  # more digits than any two numbers of DynamoDB are apart


def _leaves(term: Term, *, is_added: bool) -> Iterator[tuple[Term, bool]]:
    """What is added and what is taken away."""
    if isinstance(term, Arithmetic):
        yield from _leaves(term.left, is_added=is_added)
        yield from _leaves(term.right, is_added=is_added == (term.sign == "+"))
    else:
        yield term, is_added


@contextmanager
def in_words_of_statements() -> Iterator[None]:
    """What an expression is refused with is said of the statement: there, no expression was given."""
    try:
        yield
    except ValidationException as error:
        found = _OF_EXPRESSIONS.sub("", str(error))
        if found == str(error):
            raise
        raise ValidationException(found) from None


_OF_EXPRESSIONS = re.compile(r"^Invalid (?:Condition|Filter|Update|Projection)Expression: ")


def filter_of(condition: Condition | None, parameters: Parameters) -> BoundCondition | None:
    """What is true of the items for which the condition is. Raises ValidationException."""
    return condition_of([] if condition is None else [condition], parameters)


def condition_of(
    all_of: Sequence[Condition], parameters: Parameters, *, there: str | None = None, or_gone: str | None = None
) -> BoundCondition | None:
    """All of the conditions; and that the attribute `there` is there; or else that `or_gone` is not."""
    words = Words(parameters)
    parts: list[Condition] = [*all_of]
    if there is not None:
        parts.insert(0, Not(Is(Path((there,)), "MISSING")))
    if not parts:
        return None
    whole: Condition = parts[0] if len(parts) == 1 else And(tuple(parts))
    if or_gone is not None:
        whole = Or((Is(Path((or_gone,)), "MISSING"), whole))
    with in_words_of_statements():
        text = words.condition(whole)
        return conditions.bound(text, Substitutes(words.names, words.values), "ConditionExpression")


def gone(name: str) -> BoundCondition:
    """That the attribute is not there."""
    found = filter_of(Is(Path((name,)), "MISSING"), Parameters(()))
    assert found is not None
    return found


def update_of(assignments: Sequence[Assignment], removals: Sequence[Path], parameters: Parameters) -> BoundUpdate:
    """Raises ValidationException."""
    words = Words(parameters)
    with in_words_of_statements():
        text = words.update(assignments, removals)
        return updates.bound(text, Substitutes(words.names, words.values))


def projection_of(paths: Sequence[Path]) -> Columns:
    """Raises ValidationException where paths lead into one another."""
    words = Words(Parameters(()))
    with in_words_of_statements():
        projections.bound(", ".join(map(words.path, paths)), Substitutes(words.names, {}))
    return Columns(tuple(paths))
