"""The bill: what a month comes to, by whatever one asks, exactly the sum of its invocations."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.functions import call, deploy
from tests.running_node import RunningNode
from wakeful import limits
from wakeful.services.lambda_.billing import bill, price
from wakeful.store.usage import DAY_S, Consumer, Sum


@pytest.fixture
def node(lent_node: RunningNode) -> RunningNode:
    return lent_node


def page(node: RunningNode, path: str = "bill", **query: str) -> Any:
    with urllib.request.urlopen(f"{node.endpoint}/_wakeful/{path}?{urlencode(query)}") as answer:
        return json.loads(answer.read())


def refusal(node: RunningNode, path: str = "bill", **query: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as refused:
        page(node, path, **query)
    with refused.value as error:
        return error.code, json.loads(error.read())["message"]


def use(node: RunningNode, consumer: Consumer, day: int, **units: int) -> None:
    """Something was used on a day of January 1971."""
    at = (365 + day - 1) * DAY_S + 1.0
    node.run(_use(node, consumer, at, {name.replace("_", "-"): count for name, count in units.items()}))


async def _use(node: RunningNode, consumer: Consumer, at: float, units: dict[str, int]) -> None:
    node.node.telemetry.usage.add(consumer, at, units)


def consumer(function: str = "f", version: str = "1", **more: str) -> Consumer:
    named = {"account": "000000000000", "region": "us-east-1", "tags": "{}", **more}
    return Consumer(named["account"], named["region"], function, version, named["tags"])


def groups(told: Any) -> dict[str, int]:
    (account,) = told["accounts"]
    return {group["name"]: group["requests"] for group in account["groups"]}


def test_a_month_is_grouped_by_whatever_one_asks(node: RunningNode) -> None:
    use(node, consumer("f", "1", tags='{"team":"blue"}'), 1, Request=1)
    use(node, consumer("f", "2", tags='{"team":"blue"}'), 2, Request=2)
    use(node, consumer("g", "1", region="eu-west-1"), 31, Request=4)
    use(node, consumer("g", "1"), 32, Request=100)  # the first of February
    asked = {"month": "1971-01"}
    assert groups(page(node, **asked)) == {"f": 3, "g": 4}
    assert groups(page(node, **asked, by="version")) == {"f:1": 1, "f:2": 2, "g:1": 4}
    assert groups(page(node, **asked, by="day")) == {"1971-01-01": 1, "1971-01-02": 2, "1971-01-31": 4}
    assert groups(page(node, **asked, by="tag:team")) == {"blue": 3, "": 4}
    assert groups(page(node, **asked, by="region")) == {"us-east-1": 3, "eu-west-1": 4}
    assert groups(page(node, **asked, function="g")) == {"g": 4}
    assert groups(page(node, month="1971-02")) == {"g": 100}
    assert page(node, month="1970-12")["accounts"] == []


def test_each_account_has_a_bill_and_a_free_tier_of_its_own(node: RunningNode) -> None:
    for account in ("000000000000", "111111111111"):
        use(node, consumer(account=account), 1, Request=1_500_000)
        use(node, consumer(account=account, region="eu-west-1"), 1, Request=1_500_000)
    told = page(node, month="1971-01")
    assert [each["account"] for each in told["accounts"]] == ["000000000000", "111111111111"]
    for each in told["accounts"]:
        assert (each["list_usd"], each["free_usd"], each["usd"]) == (
            "0.600000000000",
            "-0.200000000000",
            "0.400000000000",
        )
        assert [(item["region"], item["free_units"]) for item in each["items"]] == [
            *(("eu-west-1", 1_000_000), ("us-east-1", 0))
        ]
    (one,) = page(node, month="1971-01", account="111111111111", free_tier="no")["accounts"]
    assert (one["account"], one["usd"], one["free_usd"]) == ("111111111111", "0.600000000000", "0.000000000000")


def test_much_use_is_cheaper_and_the_bill_says_so(node: RunningNode) -> None:
    use(node, consumer(), 1, Lambda_GB_Second=7_000_000_000 * price.MB_MS_PER_GB_S)
    (told,) = page(node, month="1971-01")["accounts"]
    assert told["list_usd"] == "116666.900000000000"
    assert told["volume_usd"] == "-1666.700000000000"
    assert told["free_usd"] == "-6.000000000000"  # of the second tier: the 400,000 come off the whole
    assert told["usd"] == "114994.200000000000"


def test_what_makes_no_sense_is_said(node: RunningNode) -> None:
    assert refusal(node, by="colour") == (400, "by is one of function, version, day, region, and tag:KEY")
    assert refusal(node, by="tag:")[0] == 400
    for month in ("2026", "2026-13", "x", "0000-01"):
        assert refusal(node, month=month) == (400, "a month looks like 2026-11")
    assert refusal(node, free_tier="perhaps") == (400, "free_tier is yes or no")
    assert refusal(node, who="me")[1] == "there is no who here; there are month, by, function, account, free_tier"
    assert refusal(node, "bill/invocations") == (400, "invocations are those of a function: say which")
    for limit in ("0", "1001", "²", "1" * 5000):
        assert refusal(node, "bill/invocations", function="f", limit=limit)[1] == "limit is a number from 1 to 1000"
    assert refusal(node, "bill/invocations", function="f", before="then")[1] == "before is a moment in epoch seconds"
    assert refusal(node, "bill/nothing") == (404, "no such thing")


Sums = st.lists(
    st.builds(
        Sum,
        st.builds(
            Consumer,
            *(st.just("0"), st.sampled_from(["a", "b"]), st.sampled_from("fgh"), st.sampled_from("12"), st.just("{}")),
        ),
        st.integers(0, 30),
        st.sampled_from(list(price.METERS)),
        st.integers(0, 10**16),
    ),
    max_size=30,
)


@given(Sums, st.booleans())
def test_groups_and_items_come_to_the_same(sums: list[Sum], has_free_tier: bool) -> None:
    told = bill.invoice(sums, lambda each: each.consumer.function, has_free_tier=has_free_tier)
    of_groups: Counter[str] = Counter()
    for group in told["groups"]:
        of_groups.update(group["units"])
    of_items: Counter[str] = Counter()
    for item in told["items"]:
        of_items[item["meter"]] += item["units"]
    del of_groups[price.BILLED.name]
    assert +of_groups == +of_items
    exact = sum((price.METERS[meter].list_price(units) for meter, units in of_groups.items()), Fraction(0))
    assert told["list_usd"] == bill.money(exact)
    parts = sum(Fraction(told[part]) for part in ("list_usd", "volume_usd", "free_usd"))
    assert abs(parts - Fraction(told["usd"])) <= Fraction(2, 10**12)
    assert Fraction(told["volume_usd"]) <= 0
    assert Fraction(told["free_usd"]) <= 0


def test_of_very_many_groups_the_dearest_are_told_and_the_others_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BILL_GROUPS_MAX", 2)
    sums = [Sum(consumer(name), 0, "Request", count) for name, count in (("a", 1), ("b", 9), ("c", 2), ("d", 8))]
    told = bill.invoice(sums, lambda each: each.consumer.function, has_free_tier=True)
    assert [(group["name"], group["requests"]) for group in told["groups"]] == [("b", 9), ("d", 8), ("(2 others)", 3)]


@pytest.mark.parametrize(
    ("usd", "shown"),
    [("0", "0.000000000000"), ("1/3", "0.333333333333"), ("-2/3", "-0.666666666667"), ("12.5", "12.500000000000")],
)
def test_money_is_rounded_only_where_it_is_shown(usd: str, shown: str) -> None:
    assert bill.money(Fraction(usd)) == shown


@pytest.mark.slow
def test_the_sum_of_the_invocations_is_the_bill(client: Any, node: RunningNode) -> None:
    deploy(client, MemorySize=512, EphemeralStorage={"Size": 1024})
    deploy(client, "g")
    for _ in range(7):
        call(client)
    call(client, "g")
    (told,) = page(node, function="f")["accounts"]
    seen: list[Any] = []
    while True:
        before = {"before": str(seen[-1]["at"])} if seen else {}
        part = page(node, "bill/invocations", function="f", limit="3", **before)
        seen += part["invocations"]
        if not part["has_more"]:
            break
    assert [each["at"] for each in seen] == sorted((each["at"] for each in seen), reverse=True)
    assert len({each["id"] for each in seen}) == 7
    units: Counter[str] = Counter()
    for each in seen:
        units.update(each["units"])
    assert units == Counter(told["groups"][0]["units"])
    assert sum(Fraction(each["list_usd"]) for each in seen) == pytest.approx(Fraction(told["list_usd"]), abs=1e-11)
    assert (part["requests"], part["billed_ms"]) == (7, sum(each["billed_ms"] for each in seen))


@pytest.mark.slow
def test_the_bill_outlives_notes_and_the_node_and_the_function(client: Any, node: RunningNode) -> None:
    deploy(client)
    for _ in range(3):
        call(client)
    before = page(node)["accounts"]
    node.run(node.node.telemetry.forget_notes(node.node.clock.now() + 1, 0))
    client.delete_function(FunctionName="f")
    assert page(node)["accounts"] == before
    gone = page(node, "bill/invocations", function="f")
    assert (gone["invocations"], gone["requests"]) == ([], 3)


@pytest.mark.slow
def test_what_stands_ready_is_on_the_bill(client: Any, node: RunningNode) -> None:
    deploy(client, MemorySize=1024)
    client.publish_version(FunctionName="f")
    client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=2)
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    now = node.node.clock.now()
    months = {bill.month_of(at).name for at in (now, now + 300)}  # five minutes are paid for, whatever the month then
    bills = [page(node, month=month, by="version")["accounts"][0] for month in months]
    found = Counter({item["meter"]: item["units"] for told in bills for item in told["items"]})
    assert len(months) > 1 or found == {"Lambda-Provisioned-Concurrency": 2 * 1024 * 300_000}
    assert sum(Fraction(told["usd"]) for told in bills) == pytest.approx(600 * Fraction("0.0000041667"))
