"""SELECT: a page of what it names, from the partitions that it names or from everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import chain
from typing import Any

from wakeful.fabric.service import Call, Node
from wakeful.services.dynamodb import pages, reading, table
from wakeful.services.dynamodb.capacity import Meter
from wakeful.services.dynamodb.errors import ValidationException
from wakeful.services.dynamodb.expressions.key_conditions import check_scalars
from wakeful.services.dynamodb.items import Stored
from wakeful.services.dynamodb.pages import Coming, Page, Range, Reached
from wakeful.services.dynamodb.partiql import binding, columns, plans, tokens
from wakeful.services.dynamodb.partiql.binding import Parameters
from wakeful.services.dynamodb.partiql.plans import Plan
from wakeful.services.dynamodb.partiql.syntax import Select
from wakeful.services.dynamodb.reading import Reading
from wakeful.services.dynamodb.table import Index, Table
from wakeful.services.dynamodb.values import Item
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Selected:
    table: Table
    items: list[Item]
    next_token: str | None
    meter: Meter


async def select(
    call: Call, node: Node, select: Select, parameters: Parameters, request: Mapping[str, Any]
) -> Selected:
    """The next page. Raises ValidationException and ResourceNotFoundException."""
    page, of = await node.store.read(_begun, call, select, parameters, request)
    await page.rest(node)
    found = page.reading.table
    meter = Meter(found, request.get("ReturnConsumedCapacity", "NONE"))
    page.measure(meter)
    token = tokens.token(of, node.clock.now(), page.reached) if page.is_cut else None
    return Selected(found, page.items, token, meter)


def _begun(
    tx: Tx, call: Call, select: Select, parameters: Parameters, request: Mapping[str, Any]
) -> tuple[Page, bytes]:
    """The page with its first part, and what its token will be of."""
    binding.filter_of(select.where, parameters)  # what is wrong with it is said before anybody looks for the table
    projection = binding.projection_of(select.paths) if select.paths is not None else None
    found = table.find(tx, table.arn_of(call, select.table))
    index = _index(found, select, request)
    schema = index.keys if index is not None else found.keys
    plan = plans.planned(schema, select.where, select.order, parameters)
    fetches = reading.check_shown(index, columns.names(select.paths or ()))
    condition = binding.filter_of(plan.filter, parameters)
    if condition is not None:
        check_scalars(condition.paths(), schema, found)
    if plan.is_keyed and condition is not None:
        reading.check_filtered(index, sorted(condition.attributes()))
    wanted = Reading(
        found, index, condition, projection, fetches=fetches, consistent=bool(request.get("ConsistentRead"))
    )
    of = tokens.fingerprint(found.id, request["Statement"], parameters.values)
    begun = tokens.read(request["NextToken"], of, tx.now) if "NextToken" in request else {}
    return Page(wanted, _coming(wanted, plan), request.get("Limit"), begun).begun(tx), of


def _index(found: Table, select: Select, request: Mapping[str, Any]) -> Index | None:
    if select.index is None:
        return None
    index = reading.index_of(found, select.index)
    if index is None:
        raise ValidationException("The table does not have the specified index")
    if index.is_global and request.get("ConsistentRead"):
        raise ValidationException("Strongly consistent read is not supported on Global Secondary Indexes")
    return index


def _coming(wanted: Reading, plan: Plan) -> Coming:
    """What comes next, of all ranges."""
    if len(plan.ranges) == 1:
        return pages.in_range(wanted, plan.ranges[0], backwards=plan.backwards)

    def coming(tx: Tx, reached: Reached, most: int | None) -> Iterator[tuple[int, list[Stored]]]:
        last = max(reached, default=-1)
        ranges = [
            _in_range(tx, wanted, plan, place, reached, most)
            for place in range(len(plan.ranges))
            if plan.is_merged or place >= last  # one after the other: those before the last that was begun are over
        ]
        if not plan.is_merged:
            return chain.from_iterable(ranges)
        return merge(*ranges, key=lambda found: found[1][0].key[plan.prefixes[found[0]] :], reverse=plan.backwards)

    return coming


def _in_range(
    tx: Tx, wanted: Reading, plan: Plan, place: int, reached: Reached, most: int | None
) -> Iterator[tuple[int, list[Stored]]]:
    """One by one: what comes after each may be of another range."""
    for rows in pages.chunks(tx, wanted, _left(plan, place, reached), backwards=plan.backwards, most=most):
        for row in rows:
            yield place, [row]


def _left(plan: Plan, place: int, reached: Reached) -> Range:
    """What of a range has not been read yet."""
    within, last = plan.ranges[place], reached.get(place)
    return within if last is None else within.behind(last, backwards=plan.backwards)
