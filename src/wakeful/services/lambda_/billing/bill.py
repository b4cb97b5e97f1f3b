"""The bill of a month: what every account used, what of it is free, and what it costs.

    GET /_wakeful/bill?month=2026-11&by=function|version|day|region|tag:KEY&function=&account=&free_tier=no
    GET /_wakeful/bill/invocations?function=NAME&month=&account=&limit=&before=

It is worked out from exact sums (`store/usage.py`, `standing.py`) whenever somebody asks; nothing rounded is added up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import orjson

from wakeful import limits
from wakeful.fabric.page import Unclear
from wakeful.fabric.service import Node
from wakeful.services.lambda_.billing import price, standing
from wakeful.store.telemetry import Note
from wakeful.store.usage import DAY_S, Sum

_DECIMALS = 12
_ON_DEMAND = (price.DURATION, price.DURATION_ARM)
_DURATIONS = (*_ON_DEMAND, price.PROVISIONED_DURATION, price.PROVISIONED_DURATION_ARM)
_REQUESTS = (price.REQUEST, price.REQUEST_ARM)


@dataclass(frozen=True, slots=True)
class Month:
    """A month in UTC. Days are counted since 1970-01-01."""

    name: str
    first: datetime
    end: datetime

    @property
    def first_day(self) -> int:
        return int(self.first.timestamp()) // DAY_S

    @property
    def last_day(self) -> int:
        return int(self.end.timestamp()) // DAY_S - 1


def month_of(at: float) -> Month:
    return _month(datetime.fromtimestamp(at, UTC).strftime("%Y-%m"))


async def answer(node: Node, rest: str, query: Mapping[str, str]) -> Any:
    """The page `bill`. Raises Unclear."""
    if rest == "invocations":
        return await _invocations(node, query)
    return await _bill(node, query) if not rest else None


async def sums_of(node: Node, month: Month, account: str | None = None) -> list[Sum]:
    """Everything that was used in the month by now."""
    used = await node.telemetry.used(month.first_day, month.last_day, account)
    return [*used, *await node.store.read(standing.sums, month.first_day, month.last_day, account)]


async def _bill(node: Node, query: Mapping[str, str]) -> Any:
    _only(query, "month", "by", "function", "account", "free_tier")
    now = node.clock.now()
    month = _month(query["month"]) if "month" in query else month_of(now)
    group = _grouping(query.get("by", "function"))
    function = query.get("function")
    has_free_tier = _yes(query.get("free_tier", "yes")) and function is None  # what is free is the whole account's
    by_account: defaultdict[str, list[Sum]] = defaultdict(list)
    for each in await sums_of(node, month, query.get("account")):
        if function in (None, each.consumer.function):
            by_account[each.consumer.account].append(each)
    return {
        "month": month.name,
        "first": month.first.timestamp(),
        "until": max(month.first.timestamp(), min(now, month.end.timestamp())),
        "is_over": now >= month.end.timestamp(),
        "by": query.get("by", "function"),
        "function": function,
        "has_free_tier": has_free_tier,
        "currency": "USD",
        "accounts": [
            {"account": account, **invoice(sums, group, has_free_tier=has_free_tier)}
            for account, sums in sorted(by_account.items())
        ],
    }


def invoice(sums: Iterable[Sum], group: Callable[[Sum], str], *, has_free_tier: bool) -> dict[str, Any]:
    """What one account's use in a month comes to: item by item, by group, and in all."""
    groups: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    items: defaultdict[tuple[str, str], int] = defaultdict(int)
    for each in sums:
        groups[group(each)][each.meter] += each.units
        items[each.consumer.region, each.meter] += each.units
    free = price.free_of(items) if has_free_tier else {}
    at_list = sum((price.METERS[meter].list_price(units) for (_, meter), units in items.items()), Fraction(0))
    in_tiers = sum((price.METERS[meter].price(units) for (_, meter), units in items.items()), Fraction(0))
    to_pay = to_be_paid(items, free)
    order = list(price.METERS)
    return {
        "items": [
            _item(region, price.METERS[meter], units, free.get((region, meter), 0))
            for (region, meter), units in sorted(items.items(), key=lambda each: (each[0][0], order.index(each[0][1])))
            if price.METERS[meter].tiers
        ],
        "groups": [_group(name, units) for name, units in _dearest(groups)],
        "list_usd": money(at_list),
        "volume_usd": money(in_tiers - at_list),
        "free_usd": money(to_pay - in_tiers),
        "usd": money(to_pay),
    }


def _dearest(groups: Mapping[str, Mapping[str, int]]) -> list[tuple[str, Mapping[str, int]]]:
    """By name; where there are very many, the dearest, and the others as one."""
    if len(groups) <= limits.BILL_GROUPS_MAX:
        return sorted(groups.items())
    ordered = sorted(groups, key=lambda name: (-price.list_price(groups[name]), name))
    others: defaultdict[str, int] = defaultdict(int)
    for name in ordered[limits.BILL_GROUPS_MAX :]:
        for meter, units in groups[name].items():
            others[meter] += units
    rest = len(groups) - limits.BILL_GROUPS_MAX
    return [*sorted((name, groups[name]) for name in ordered[: limits.BILL_GROUPS_MAX]), (f"({rest} others)", others)]


def to_be_paid(items: Mapping[tuple[str, str], int], free: Mapping[tuple[str, str], int]) -> Fraction:
    """What an account owes for what it used in a month, by region and meter, of which some is free."""
    return sum(
        (price.METERS[item[1]].price(units - free.get(item, 0)) for item, units in items.items()),
        Fraction(0),
    )


def money(usd: Fraction) -> str:
    """Dollars to the millionth of a millionth."""
    scaled = round(usd * 10**_DECIMALS)
    whole, rest = divmod(abs(scaled), 10**_DECIMALS)
    return f"{'-' if scaled < 0 else ''}{whole}.{rest:0{_DECIMALS}}"


def _item(region: str, meter: price.Meter, units: int, free: int) -> dict[str, Any]:
    return {
        "region": region,
        "meter": meter.name,
        "what": meter.what,
        "unit": meter.unit,
        "units": units,
        "free_units": free,
        "units_in_one": meter.size,
        "price_usd": f"{float(meter.tiers[0].usd):.10f}".rstrip("0"),
        "list_usd": money(meter.list_price(units)),
        "usd": money(meter.price(units - free)),
    }


def _group(name: str, units: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": name,
        "requests": sum(units.get(meter.name, 0) for meter in _REQUESTS),
        "billed_ms": units.get(price.BILLED.name, 0),
        "gb_s": float(price.gb_s(units, _DURATIONS)),
        "units": dict(units),
        "list_usd": money(price.list_price(units)),
    }


# --- invocations -----------------------------------------------------------------------------------------------------


async def _invocations(node: Node, query: Mapping[str, str]) -> Any:
    _only(query, "function", "month", "account", "limit", "before")
    if "function" not in query:
        raise Unclear("invocations are those of a function: say which")
    month = _month(query["month"]) if "month" in query else month_of(node.clock.now())
    limit = _limit(query.get("limit", "50"))
    end = min(month.end.timestamp(), _moment(query["before"])) if "before" in query else month.end.timestamp()
    function, account = query["function"], query.get("account")
    runs = await node.telemetry.runs_of(function, month.first.timestamp(), end, account=account, limit=limit + 1)
    sums = [each for each in await sums_of(node, month, account) if each.consumer.function == function]
    return {
        "month": month.name,
        "function": function,
        "invocations": [_invocation(run) for run in runs[:limit]],
        "has_more": len(runs) > limit,
        "billed_ms": sum(each.units for each in sums if each.meter == price.BILLED.name),
        "requests": sum(each.units for each in sums if each.meter in {meter.name for meter in _REQUESTS}),
        "kept_days": limits.NOTE_RETENTION_S / DAY_S,
    }


def _invocation(run: Note) -> dict[str, Any]:
    units = run.detail.get("units", {})
    return {
        "id": run.id,
        "at": run.at,
        "account": run.account,
        "resource": run.resource,
        "version": run.detail["version"],
        "status": run.status,
        "init_ms": run.detail["init_ms"],
        "duration_ms": run.duration_ms,
        "billed_ms": run.detail["billed_ms"],
        "memory_mb": run.detail["memory_mb"],
        "gb_s": run.detail["gb_s"],
        "units": units,
        "list_usd": money(price.list_price(units)),
    }


# --- what was asked for ----------------------------------------------------------------------------------------------


def _grouping(by: str) -> Callable[[Sum], str]:
    if by.startswith("tag:") and len(by) > len("tag:"):
        return lambda each: str(orjson.loads(each.consumer.tags).get(by.removeprefix("tag:"), ""))
    found = {
        "function": lambda each: each.consumer.function,
        "version": lambda each: f"{each.consumer.function}:{each.consumer.version}",
        "day": lambda each: f"{datetime.fromtimestamp(each.day * DAY_S, UTC):%Y-%m-%d}",
        "region": lambda each: each.consumer.region,
    }.get(by)
    if found is None:
        raise Unclear("by is one of function, version, day, region, and tag:KEY")
    return found


def _month(name: str) -> Month:
    try:
        first = datetime.strptime(name, "%Y-%m").replace(tzinfo=UTC)
        return Month(f"{first:%Y-%m}", first, (first + timedelta(days=32)).replace(day=1))
    except (ValueError, OverflowError) as error:
        raise Unclear("a month looks like 2026-11") from error


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Unclear("before is a moment in epoch seconds") from error


def _limit(text: str) -> int:
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if not 1 <= limit <= limits.BILL_INVOCATIONS_MAX:
        raise Unclear(f"limit is a number from 1 to {limits.BILL_INVOCATIONS_MAX}")
    return limit


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise Unclear("free_tier is yes or no")
    return text == "yes"


def _only(query: Mapping[str, str], *known: str) -> None:
    for name in query:
        if name not in known:
            raise Unclear(f"there is no {name} here; there are {', '.join(known)}")
