"""A bill as text, 80 columns wide: who used how much, what that costs item by item, what is free, what to pay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

_WIDTH = 80
_NAME = 25
_RULE = "─" * _WIDTH
_WHOLE = {"million"}
"""Priced by so many, counted one by one."""


def text(told: Mapping[str, Any]) -> str:
    """The answer of the page `bill`."""
    month = _month(told)
    about = f", function {told['function']}" if told["function"] else ""
    if not told["accounts"]:
        return f"Nothing was used in {month}{about}."
    bills = ["\n".join(_bill(told, each, f"AWS Lambda, {month}")) for each in told["accounts"]]
    return "\n\n\n".join(bills)


def invocations(told: Mapping[str, Any]) -> str:
    """The answer of the page `bill/invocations`: two lines for each, newest first."""
    runs: Sequence[Mapping[str, Any]] = told["invocations"]
    if not runs:
        return f"No invocation of {told['function']} in {told['month']} is kept; {_kept(told)}"
    places = _places(run["list_usd"] for run in runs)
    rows = [
        f"{'When (UTC)':<19}{'Init':>10}{'Duration':>12}{'Billed':>11}{'GB-s':>14}{'USD':>14}",
        f"{'':<19}{'ms':>10}{'ms':>12}{'ms':>11}{'':>14}{'at list price':>14}",
        _RULE,
    ]
    for run in runs:
        when = datetime.fromtimestamp(run["at"], UTC)
        init = "" if run["init_ms"] is None else f"{run['init_ms']:,.2f}"
        rows.append(
            f"{when:%d %b %H:%M:%S}.{when.microsecond // 1000:03}{init:>10}{run['duration_ms']:>12,.2f}"
            f"{run['billed_ms']:>11,}{run['gb_s']:>14,.6f}{_usd(run['list_usd'], places):>14}"
        )
        status = "" if run["status"] == "ok" else f", {run['status']}"
        rows.append(f"    {run['id']}, {run['memory_mb']} MB, {run['version']}{status}")
    rows.append(_RULE)
    if told["has_more"]:
        rows.append("There are older ones: --limit shows more.")
    requests = "1 request" if told["requests"] == 1 else f"{told['requests']:,} requests"
    rows.append(f"In all {told['month']}: {requests}, {_seconds(told['billed_ms'])} billed.")
    rows.append(_kept(told))
    return "\n".join(rows)


def _kept(told: Mapping[str, Any]) -> str:
    return f"Invocations are kept for {told['kept_days']:.0f} days, their sums for years."


def _bill(told: Mapping[str, Any], account: Mapping[str, Any], title: str) -> Iterator[str]:
    items, groups = account["items"], account["groups"]
    places = _places([*(each["list_usd"] for each in groups), account["usd"]])
    yield title
    yield f"Account {account['account']}. AWS's list prices for us-east-1, in US dollars."
    if told["function"]:
        yield f"Only what the function {told['function']} used."
    yield ""
    yield f"{_by(told['by']):<{_NAME}}{'Requests':>14}{'Billed time':>14}{'GB-s':>15}{'USD':>12}"
    yield _RULE
    for group in groups:
        yield from _group(group, told["by"], places)
    yield ""
    yield f"{'Item':<30}{'Used':>20}{'Price':>18}{'USD':>12}"
    yield _RULE
    regions = {item["region"] for item in items}
    region = ""
    for item in items:
        if len(regions) > 1 and item["region"] != region:
            region = item["region"]
            yield f"{region}:"
        price = f"{_price(item['price_usd'])}/{item['unit']}"
        yield f"{item['what']:<30}{_used(item):>20}{price:>18}{_usd(item['list_usd'], places):>12}"
    yield _RULE
    yield from _totals(told, account, places)


def _group(group: Mapping[str, Any], by: str, places: int) -> Iterator[str]:
    name = group["name"] or f"(no {by.replace(':', ' ')})"
    if len(name) >= _NAME:
        yield name
        name = ""
    figures = f"{group['requests']:>14,}{_seconds(group['billed_ms']):>14}{_number(group['gb_s'], 3, 14):>15}"
    yield f"{name:<{_NAME}}{figures}{_usd(group['list_usd'], places):>12}"


def _totals(told: Mapping[str, Any], account: Mapping[str, Any], places: int) -> Iterator[str]:
    def line(what: str, usd: str) -> str:
        return f"{what:<66}{_usd(usd, places):>14}"

    yield line("At list price", account["list_usd"])
    if Decimal(account["volume_usd"]):
        yield line("Less for much use (volume tiers)", account["volume_usd"])
    if told["has_free_tier"]:
        yield line(f"Free tier{_free(account['items'])}", account["free_usd"])
        yield line("To pay", account["usd"])
    elif told["function"]:
        yield "The free tier is the account's: leave --function out to see it."


def _free(items: Iterable[Mapping[str, Any]]) -> str:
    """What was free, in words."""
    free: dict[tuple[str, int], int] = {}
    for item in items:
        unit = ("requests", 1) if item["unit"] in _WHOLE else (item["unit"], item["units_in_one"])
        free[unit] = free.get(unit, 0) + item["free_units"]
    told = [f"{units / size:,.{0 if size == 1 else 3}f} {unit}" for (unit, size), units in free.items() if units]
    return f": {', '.join(told)}" if told else ""


def _used(item: Mapping[str, Any]) -> str:
    if item["unit"] in _WHOLE:
        return f"{item['units']:,}"
    return f"{_number(item['units'] / item['units_in_one'], 4, 14)} {item['unit']}"


def _seconds(billed_ms: int) -> str:
    return f"{_number(billed_ms / 1000, 3, 11)} s"


def _number(value: float, places: int, width: int) -> str:
    """With so many decimals, or none where there is no room for them."""
    shown = f"{value:,.{places}f}"
    return shown if len(shown) <= width else f"{value:,.0f}"


def _usd(amount: str, places: int) -> str:
    return f"{Decimal(amount):,.{places}f}"


def _price(amount: str) -> str:
    """With cents, at least."""
    return max(amount, f"{Decimal(amount):.2f}", key=len)


def _places(amounts: Iterable[str]) -> int:
    """As many decimals as the smallest amount needs to show three figures: cents at least, and as many as fit."""
    some = [abs(Decimal(each)) for each in amounts if Decimal(each)] or [Decimal(1)]
    room = 10 - len(f"-{max(some):,.0f}")
    return max(2, min(8, room, 2 - math.floor(min(some).log10())))


def _by(by: str) -> str:
    return f"By {by}" if not by.startswith("tag:") else f"By tag {by.removeprefix('tag:')}"[: _NAME - 1]


def _month(told: Mapping[str, Any]) -> str:
    first = datetime.fromtimestamp(told["first"], UTC)
    if told["is_over"]:
        return f"{first:%B %Y}"
    return f"{first:%B %Y} so far (until {datetime.fromtimestamp(told['until'], UTC):%d %B, %H:%M} UTC)"
