"""How a SELECT is carried out: as queries of the partitions that its WHERE names, or as a scan ("PartiQL select
statements for DynamoDB").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from wakeful import limits
from wakeful.services.dynamodb import keys
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.keys import Attribute, KeySchema
from wakeful.services.dynamodb.pages import Range
from wakeful.services.dynamodb.partiql.binding import Parameters
from wakeful.services.dynamodb.partiql.syntax import (
    And,
    Between,
    Comparison,
    Condition,
    Function,
    In,
    Or,
    Order,
    Path,
    Term,
)
from wakeful.services.dynamodb.values import Value, kind

_WHOLE = Range(b"", b"\xff" * (keys.HASH_BYTES + 1))
_FLIPPED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rows are read, and what is still asked of each. `prefixes` are how many bytes of the keys in a range name
    its partition.
    """

    ranges: tuple[Range, ...]
    prefixes: tuple[int, ...]
    filter: Condition | None
    is_keyed: bool = False
    """The partition is named beside everything else, not in an alternative."""
    backwards: bool = False
    is_merged: bool = False
    """The rows of all ranges come in the order of their sort keys."""

    @property
    def is_scan(self) -> bool:
        return not self.prefixes


def planned(schema: KeySchema, where: Condition | None, order: Sequence[Order], parameters: Parameters) -> Plan:
    """Raises ValidationException for keys of a wrong type, and for an order that no key gives."""
    conjuncts = tuple(_conjuncts(where))
    _check_types(schema, conjuncts, parameters)
    found = _partitions(schema, where, conjuncts, parameters)
    _check_order(schema, order, is_query=found is not None)
    if found is None:
        return Plan((_WHOLE,), (), where)
    partitions, absorbed = found
    partitions = _in_order(schema, partitions, order)
    low_part, high_part, sorted_by = _sort_range(schema, conjuncts, parameters)
    prefixes = [
        schema.partition_of({a.name: v for a, v in zip(schema.partition, each, strict=True)}) for each in partitions
    ]
    backwards, is_merged = _direction(schema, order, len(partitions))
    rest = tuple(each for each in conjuncts if each not in absorbed and each not in sorted_by)
    return Plan(
        tuple(_range(prefix, low_part, high_part) for prefix in prefixes),
        tuple(map(len, prefixes)),
        None if not rest else rest[0] if len(rest) == 1 else And(rest),
        is_keyed=bool(absorbed),
        backwards=backwards,
        is_merged=is_merged,
    )


def partitions(schema: KeySchema, where: Condition | None, parameters: Parameters) -> list[tuple[Value, ...]] | None:
    """Those in which everything is that WHERE may be true of; None where it can be anywhere."""
    found = _partitions(schema, where, tuple(_conjuncts(where)), parameters)
    return None if found is None else found[0]


# --- partitions -------------------------------------------------------------------------------------------------------


def _partitions(
    schema: KeySchema, where: Condition | None, conjuncts: Sequence[Condition], parameters: Parameters
) -> tuple[list[tuple[Value, ...]], tuple[Condition, ...]] | None:
    """The partitions in which everything is that WHERE may be true of, and the conditions that say no more than that;
    None where it can be anywhere.
    """
    of_each: list[list[Value]] = []
    absorbed: list[Condition] = []
    for attribute in schema.partition:
        simple = next((each for each in conjuncts if _is_key(each, attribute, parameters, "=", "IN")), None)
        if simple is not None:
            absorbed.append(simple)
        found = _values(simple if simple is not None else where, attribute, parameters)
        if found is None:
            return None
        of_each.append(found)
    every = list(islice(product(*of_each), limits.DYNAMODB_STATEMENT_PARTITIONS_MAX + 1))
    if len(every) > limits.DYNAMODB_STATEMENT_PARTITIONS_MAX:
        return None
    return every, tuple(absorbed) if len(absorbed) == len(schema.partition) else ()


def _values(condition: Condition | None, attribute: Attribute, parameters: Parameters) -> list[Value] | None:
    """The values that the attribute has wherever the condition is true; None where it may have any."""
    if isinstance(condition, And):
        some = (_values(each, attribute, parameters) for each in condition.conditions)
        return next((each for each in some if each is not None), None)
    if isinstance(condition, Or):
        found: list[Value] = []
        for each in condition.conditions:
            values = _values(each, attribute, parameters)
            if values is None:
                return None
            found += values
        return _distinct(found)
    if condition is None or not _is_key(condition, attribute, parameters, "=", "IN"):
        return None
    return _distinct(_compared(condition, attribute, parameters))


def _compared(condition: Condition, attribute: Attribute, parameters: Parameters) -> list[Value]:
    """What a condition on a key compares it with."""
    found = _on_key(condition, attribute, parameters)
    assert found is not None
    for value in found[1]:
        if kind(value) not in ("S", "N", "B"):
            raise ValidationException(
                f"Key value must be of type S, N, or B. Key name: {attribute.name}, Key type: {kind(value)}"
            )
        check_key(attribute, value)
    return found[1]


def _on_key(condition: Condition, attribute: Attribute, parameters: Parameters) -> tuple[str, list[Value]] | None:
    """The operator of a condition that compares the attribute with values, and these; None for any other."""
    operator, path, terms = _shape(condition)
    if not isinstance(path, Path) or path.name != attribute.name:
        return None
    values = [parameters.of(each) for each in terms]
    known = [each for each in values if each is not None]
    return (operator, known) if len(known) == len(values) else None


def _shape(condition: Condition) -> tuple[str, Term | None, tuple[Term, ...]]:
    """Operator, what stands left of it, and what it is compared with. A value on the left changes sides."""
    match condition:
        case Comparison(sign, Path() as left, right):
            return sign, left, (right,)
        case Comparison(sign, left, Path() as right):
            return _FLIPPED[sign], right, (left,)
        case Between(term, low, high):
            return "BETWEEN", term, (low, high)
        case In(term, members):
            return "IN", term, members
        case Function("begins_with", (Path() as term, beginning)):
            return "begins_with", term, (beginning,)
        case _:
            return "", None, ()


def _is_key(condition: Condition, attribute: Attribute, parameters: Parameters, *operators: str) -> bool:
    found = _on_key(condition, attribute, parameters)
    return found is not None and found[0] in operators


# --- the range in a partition -----------------------------------------------------------------------------------------


def _sort_range(
    schema: KeySchema, conjuncts: Sequence[Condition], parameters: Parameters
) -> tuple[bytes, bytes | None, tuple[Condition, ...]]:
    """From where to before where (None: the end) in a partition, and the conditions that say so."""
    equal = b""
    absorbed: list[Condition] = []
    for attribute in schema.sort:
        exact = next((each for each in conjuncts if _is_key(each, attribute, parameters, "=")), None)
        if exact is None:
            low, high, found = _bounds(attribute, equal, conjuncts, parameters)
            return low, high, (*absorbed, *found)
        (value,) = _compared(exact, attribute, parameters)
        equal += keys.encode(attribute.type, value[attribute.type])
        absorbed.append(exact)
    return equal, keys.after(equal) if equal else None, tuple(absorbed)


def _bounds(
    attribute: Attribute, equal: bytes, conjuncts: Sequence[Condition], parameters: Parameters
) -> tuple[bytes, bytes | None, tuple[Condition, ...]]:
    lows, highs = [equal], [keys.after(equal)] if equal else []
    absorbed: list[Condition] = []
    for each in conjuncts:
        found = _on_key(each, attribute, parameters)
        if found is None or found[0] not in _RANGES:
            continue
        low, high = _bound(attribute, found[0], found[1])
        lows += [equal + low] if low is not None else []
        highs += [equal + high] if high is not None else []
        absorbed.append(each)
    return max(lows), min(highs) if highs else None, tuple(absorbed)


_RANGES = frozenset(("<", "<=", ">", ">=", "BETWEEN", "begins_with"))


def _bound(attribute: Attribute, operator: str, values: Sequence[Value]) -> tuple[bytes | None, bytes | None]:
    held = [each[attribute.type] for each in values]
    encoded = [keys.encode(attribute.type, each) for each in held]
    match operator:
        case "<":
            return None, encoded[0]
        case "<=":
            return None, keys.after(encoded[0])
        case ">":
            return keys.after(encoded[0]), None
        case ">=":
            return encoded[0], None
        case "BETWEEN":
            return encoded[0], keys.after(encoded[1])
        case _:
            beginning = keys.prefix(attribute.type, held[0])
            return beginning, keys.after(beginning) if beginning else None


def _range(prefix: bytes, low: bytes, high: bytes | None) -> Range:
    return Range(prefix + low, keys.after(prefix) if high is None else prefix + high)


# --- order ------------------------------------------------------------------------------------------------------------


def _check_order(schema: KeySchema, order: Sequence[Order], *, is_query: bool) -> None:
    names = {each.name for each in schema.attributes}
    for each in order:
        if each.name not in names:
            raise ValidationException(
                f"Variable reference {each.name} in ORDER BY clause must be part of the primary key"
            )
    if order and not is_query:
        raise ValidationException(
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."
        )


def _in_order(
    schema: KeySchema, partitions: list[tuple[Value, ...]], order: Sequence[Order]
) -> list[tuple[Value, ...]]:
    """As they were named; by their attributes where ORDER BY says so."""
    for each in reversed(order):
        for place, attribute in enumerate(schema.partition):
            if attribute.name == each.name:
                partitions.sort(
                    key=lambda found, p=place, a=attribute: keys.encode(a.type, found[p][a.type]),  # type: ignore[misc]
                    reverse=each.is_descending,
                )
    return partitions


def _direction(schema: KeySchema, order: Sequence[Order], partitions: int) -> tuple[bool, bool]:
    """Whether partitions are read backwards, and whether their rows are put together in order."""
    by_name = {each.name: each.is_descending for each in order}
    ways = {by_name[each.name] for each in schema.sort if each.name in by_name}
    if len(ways) > 1:
        raise ValidationException("All sort key attributes in ORDER BY clause must have the same direction")
    comes_first = bool(order) and order[0].name in {each.name for each in schema.sort}
    return ways == {True}, comes_first and partitions > 1


# --- conditions -------------------------------------------------------------------------------------------------------


def _conjuncts(where: Condition | None) -> Iterator[Condition]:
    if isinstance(where, And):
        yield from where.conditions
    elif where is not None:
        yield where


def _check_types(schema: KeySchema, conjuncts: Sequence[Condition], parameters: Parameters) -> None:
    for attribute in schema.attributes:
        for each in conjuncts:
            found = _on_key(each, attribute, parameters)
            for value in found[1] if found is not None and found[0] != "<>" else ():
                check_key(attribute, value)


def check_key(attribute: Attribute, value: Value) -> None:
    """Raises ValidationException where the key attribute cannot have the value."""
    if kind(value) != attribute.type:
        raise ValidationException(
            f"Key attribute's data type should match its data type in table's schema: Key {attribute.name}"
        )
    if value[attribute.type] == "":
        what = "binary" if attribute.type == "B" else "string"
        raise ValidationException(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty"
            f" {what} value. Key: {attribute.name}"
        )


def _distinct(values: Sequence[Value]) -> list[Value]:
    return list({next(iter(each.items())): each for each in values}.values())


def equalities(
    attributes: Sequence[Attribute], where: Condition | None, parameters: Parameters
) -> tuple[dict[str, Value], tuple[Condition, ...]]:
    """The key that WHERE names, as far as it does, and what else it says. Raises ValidationException for two keys."""
    key: dict[str, Value] = {}
    rest: list[Condition] = []
    for each in _conjuncts(where):
        attribute = next((a for a in attributes if _is_key(each, a, parameters, "=")), None)
        if attribute is None:
            rest.append(each)
            continue
        (value,) = _compared(each, attribute, parameters)
        if key.setdefault(attribute.name, value) != value:
            raise ValidationException(
                f"Multiple conditions on same key {attribute.name}. Only single item Update/Insert/Delete are supported"
            )
        check_key(attribute, value)
    return key, tuple(rest)
