"""What a statement asks for, as rights have it: which action on which table or index, and what conditions may look at
("IAM security policies with PartiQL for DynamoDB"). It is the statement as it will be carried out that is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wakeful.services.dynamodb.partiql import binding, columns, parser, plans
from wakeful.services.dynamodb.partiql.binding import Parameters
from wakeful.services.dynamodb.partiql.syntax import (
    And,
    Arithmetic,
    Between,
    Comparison,
    Condition,
    Delete,
    Exists,
    Function,
    In,
    Insert,
    Is,
    Literal_,
    Not,
    Or,
    Path,
    Select,
    Statement,
    Term,
    Update,
)
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Value
from wakeful.wire.errors import AwsError

Action = Literal["PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete"]
_ACTIONS: Mapping[type, Action] = {
    Select: "PartiQLSelect",
    Exists: "PartiQLSelect",
    Insert: "PartiQLInsert",
    Update: "PartiQLUpdate",
    Delete: "PartiQLDelete",
}
_RETURNED = {"ALL OLD": "ALL_OLD", "ALL NEW": "ALL_NEW", "MODIFIED OLD": "UPDATED_OLD", "MODIFIED NEW": "UPDATED_NEW"}


@dataclass(frozen=True, slots=True)
class Asked:
    action: Action
    table: str
    """As the statement names it."""
    index: str | None
    statement: Statement
    parameters: Parameters

    def context(self, found: Table | None) -> dict[str, str | Sequence[str]]:
        """Condition keys, by what the statement says and by the table's keys."""
        context: dict[str, str | Sequence[str]] = {"dynamodb:Attributes": sorted(set(_attributes(self.statement)))}
        if isinstance(self.statement, Update | Delete):
            context["dynamodb:ReturnValues"] = _RETURNED.get(self.statement.returning or "", "NONE")
        if isinstance(self.statement, Select):
            of_all = "ALL_ATTRIBUTES" if self.index is None else "ALL_PROJECTED_ATTRIBUTES"
            context["dynamodb:Select"] = of_all if self.statement.paths is None else "SPECIFIC_ATTRIBUTES"
        if found is not None:
            partitions = _partitions(found, self)
            if self.action == "PartiQLSelect":
                context["dynamodb:FullTableScan"] = "true" if partitions is None else "false"
            if partitions:
                context["dynamodb:LeadingKeys"] = [_text(value) for each in partitions for value in each]
        return context


def asked(request: Mapping[str, Any]) -> Asked | None:
    """None for what will be said to be no statement."""
    try:
        parsed = parser.parsed(request["Statement"])
        parameters = binding.parameters(parsed, request.get("Parameters", ()))
    except AwsError:
        return None
    statement = parsed.statement
    source = statement.select if isinstance(statement, Exists) else statement
    index = None if isinstance(source, Insert) else source.index
    return Asked(_ACTIONS[type(statement)], source.table, index, statement, parameters)


def _partitions(found: Table, asked: Asked) -> list[tuple[Value, ...]] | None:
    """The partitions to which the statement comes; None where it comes to all of them."""
    if isinstance(asked.statement, Insert):
        item = asked.parameters.known(asked.statement.item)["M"]
        key = tuple(item[each.name] for each in found.keys.partition if each.name in item)
        return [key] if len(key) == len(found.keys.partition) else []
    index = found.index(asked.index) if asked.index is not None else None
    schema = index.keys if index is not None else found.keys
    source = asked.statement.select if isinstance(asked.statement, Exists) else asked.statement
    try:
        return plans.partitions(schema, source.where, asked.parameters)
    except AwsError:
        return None  # it will be refused


def _text(value: Value) -> str:
    return str(next(iter(value.values())))


# --- attributes -------------------------------------------------------------------------------------------------------


def _attributes(statement: Statement) -> Iterator[str]:
    """The top-level attributes that a statement names."""
    if isinstance(statement, Exists):
        statement = statement.select
    if isinstance(statement, Insert):
        item = statement.item
        yield from item.value["M"] if isinstance(item, Literal_) else item.keys
        return
    yield from _in_condition(statement.where)
    if isinstance(statement, Select):
        yield from columns.names(statement.paths or ())
    elif isinstance(statement, Update):
        yield from columns.names(statement.removals)
        for each in statement.assignments:
            yield from _in_term(each.path)
            yield from _in_term(each.term)


def _in_condition(condition: Condition | None) -> Iterator[str]:
    match condition:
        case And(conditions) | Or(conditions):
            for each in conditions:
                yield from _in_condition(each)
        case Not(inner):
            yield from _in_condition(inner)
        case Comparison(_, left, right):
            yield from (*_in_term(left), *_in_term(right))
        case Between(term, low, high):
            yield from (*_in_term(term), *_in_term(low), *_in_term(high))
        case In(term, members):
            for one in (term, *members):
                yield from _in_term(one)
        case Is(term, _):
            yield from _in_term(term)
        case Function():
            yield from _in_term(condition)


def _in_term(term: Term) -> Iterator[str]:
    match term:
        case Path(steps):
            yield str(steps[0])
        case Function(_, arguments):
            for each in arguments:
                yield from _in_term(each)
        case Arithmetic(_, left, right):
            yield from (*_in_term(left), *_in_term(right))
