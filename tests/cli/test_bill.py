"""`wakeful bill`: an invoice on paper of 80 columns, the invocations behind it, and both for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.cli.conftest import wakeful
from tests.functions import call, deploy
from tests.running_node import RunningNode
from wakeful.store.usage import DAY_S, Consumer

GB_S = 1024 * 1000
NEW_YEAR_S = 365 * DAY_S  # 1971-01-01


@pytest.fixture
def node(lent_node: RunningNode) -> RunningNode:
    return lent_node


async def use(node: RunningNode, function: str, day: int, units: dict[str, int], **more: str) -> None:
    named = {"account": "000000000000", "region": "us-east-1", "tags": "{}", **more}
    consumer = Consumer(named["account"], named["region"], function, "1", named["tags"])
    node.node.telemetry.usage.add(consumer, NEW_YEAR_S + (day - 1) * DAY_S, units)


def used(node: RunningNode) -> None:
    """What two functions used in January 1971."""
    thumbnails = {"Request": 3_000_000, "Lambda-GB-Second": 540_000 * GB_S, "Billed-Duration": 360_000_000}
    node.run(use(node, "thumbnails", 1, thumbnails, tags='{"team":"photos"}'))
    long = {"Request-ARM": 12, "Lambda-GB-Second-ARM": 7 * GB_S, "Billed-Duration": 12_345}
    node.run(use(node, "notify-customers-about-what-became-of-their-orders", 2, long))


INVOICE = """\
AWS Lambda, January 1971
Account 000000000000. AWS's list prices for us-east-1, in US dollars.

By function                    Requests   Billed time           GB-s         USD
────────────────────────────────────────────────────────────────────────────────
notify-customers-about-what-became-of-their-orders
                                     12      12.345 s          7.000   0.0000957
thumbnails                    3,000,000 360,000.000 s    540,000.000   9.6000180

Item                                          Used             Price         USD
────────────────────────────────────────────────────────────────────────────────
Requests                                 3,000,000      0.20/million   0.6000000
Requests, arm64                                 12      0.20/million   0.0000024
Duration                         540,000.0000 GB-s 0.0000166667/GB-s   9.0000180
Duration, arm64                        7.0000 GB-s 0.0000133334/GB-s   0.0000933
────────────────────────────────────────────────────────────────────────────────
At list price                                                          9.6001137
Free tier: 1,000,000 requests, 400,000.000 GB-s                       -6.8666800
To pay                                                                 2.7334337
"""


def test_the_bill_of_a_month_is_an_invoice(node: RunningNode) -> None:
    used(node)
    said = wakeful("bill", "--month", "1971-01", endpoint=node.endpoint)
    assert (said.status, said.out) == (0, INVOICE)


def test_it_is_80_columns_wide_however_much_there_is(node: RunningNode) -> None:
    everything = {
        "Request": 10**9,
        "Lambda-GB-Second": 10**10 * GB_S,
        "Lambda-Provisioned-Concurrency-ARM": 10**10 * GB_S,
        "Lambda-Streaming-Response-Processed-Bytes-ARM": 10**15,
        "Lambda-Storage-GB-Second": 1,
        "Billed-Duration": 1,
    }
    for region in ("us-east-1", "ap-southeast-1"):
        node.run(
            use(
                node,
                "f" * 64,
                3,
                everything,
                region=region,
                tags=json.dumps({"a-key-of-some-length-for-a-tag": region}),
            )
        )
    for by in ("function", "version", "day", "tag:a-key-of-some-length-for-a-tag", "tag:none", "region"):
        said = wakeful("bill", "--month", "1971-01", "--by", by, endpoint=node.endpoint)
        assert said.status == 0
        assert max(len(line) for line in said.out.splitlines() if not line.startswith("f" * 64)) == 80, said.out


def test_groups_accounts_and_the_free_tier_are_as_one_asks(node: RunningNode) -> None:
    used(node)
    node.run(use(node, "g", 3, {"Request": 5}, account="111111111111", region="eu-west-1"))
    by_tag = wakeful("bill", "--month", "1971-01", "--by", "tag:team", endpoint=node.endpoint).out
    assert "By tag team " in by_tag
    assert "\nphotos  " in by_tag
    assert "\n(no tag team)  " in by_tag
    assert by_tag.count("Account ") == 2
    by_day = wakeful("bill", "--month", "1971-01", "--by", "day", "--no-free-tier", endpoint=node.endpoint).out
    assert "\n1971-01-01  " in by_day
    assert "Free tier" not in by_day
    other = wakeful("bill", "--month", "1971-01", "--account", "111111111111", endpoint=node.endpoint).out
    assert "000000000000" not in other
    assert "Free tier: 5 requests " in other
    one = wakeful("bill", "--month", "1971-01", "--function", "thumbnails", endpoint=node.endpoint).out
    assert "Only what the function thumbnails used." in one
    assert "notify" not in one
    assert one.endswith("The free tier is the account's: leave --function out to see it.\n")


def test_regions_have_items_of_their_own(node: RunningNode) -> None:
    used(node)
    node.run(use(node, "g", 3, {"Request": 5}, region="eu-west-1"))
    lines = wakeful("bill", "--month", "1971-01", endpoint=node.endpoint).out.splitlines()
    assert lines.index("eu-west-1:") < lines.index("us-east-1:")


def test_much_use_is_less_dear(node: RunningNode) -> None:
    node.run(use(node, "f", 1, {"Lambda-GB-Second": 7_000_000_000 * GB_S}))
    said = wakeful("bill", "--month", "1971-01", endpoint=node.endpoint).out.splitlines()
    assert said[-3].split() == ["Less", "for", "much", "use", "(volume", "tiers)", "-1,666.70"]
    assert said[-1].split() == ["To", "pay", "114,994.20"]


def test_for_programs_it_is_json(node: RunningNode) -> None:
    used(node)
    told = json.loads(wakeful("bill", "--month", "1971-01", "--json", endpoint=node.endpoint).out)
    assert (told["month"], told["is_over"], told["currency"]) == ("1971-01", True, "USD")
    (account,) = told["accounts"]
    assert account["usd"] == "2.733433733800"
    assert account["groups"][1]["units"]["Lambda-GB-Second"] == 540_000 * GB_S


def test_where_nothing_was_used_that_is_said(node: RunningNode) -> None:
    said = wakeful("bill", "--month", "1970-02", endpoint=node.endpoint)
    assert (said.status, said.out) == (0, "Nothing was used in February 1970.\n")
    now = datetime.fromtimestamp(node.node.clock.now(), UTC)
    assert wakeful("bill", endpoint=node.endpoint).out.startswith(f"Nothing was used in {now:%B %Y} so far (until ")
    rows = wakeful("bill", "--function", "f", "--invocations", "--month", "1970-02", endpoint=node.endpoint)
    assert rows.out.startswith("No invocation of f in 1970-02 is kept")


def test_what_makes_no_sense_ends_in_a_sentence(node: RunningNode) -> None:
    said = wakeful("bill", "--month", "tomorrow", endpoint=node.endpoint)
    assert (said.status, said.err) == (1, f"{node.endpoint} answered 400: a month looks like 2026-11\n")
    said = wakeful("bill", "--invocations", endpoint=node.endpoint)
    assert said.status == 2
    assert "--function" in said.err


@pytest.mark.slow
def test_each_invocation_is_two_lines(node: RunningNode) -> None:
    client = node.client("lambda")
    deploy(client, MemorySize=512, code="def handler(event, context):\n    return 1 / event\n")
    call(client, event=1)
    call(client, event=0)
    said = wakeful("bill", "--function", "f", "--invocations", "--limit", "1", endpoint=node.endpoint)
    second, first = node.run(node.node.telemetry.recent_notes(kind="run", limit=10))
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[3].split()[3:] == [
        f"{second.duration_ms:.2f}",
        f"{second.detail['billed_ms']}",
        f"{second.detail['gb_s']:.6f}",
        lines[3].split()[-1],
    ]
    assert lines[4] == f"    {second.id}, 512 MB, $LATEST, Unhandled"
    assert "There are older ones: --limit shows more." in lines
    both = wakeful("bill", "--function", "f", "--invocations", endpoint=node.endpoint).out
    assert f"{first.detail['init_ms']:,.2f}" in both
    billed_ms = first.detail["billed_ms"] + second.detail["billed_ms"]
    assert f": 2 requests, {billed_ms / 1000:.3f} s billed.\n" in both
    told = json.loads(wakeful("bill", "--function", "f", "--invocations", "--json", endpoint=node.endpoint).out)
    assert [each["id"] for each in told["invocations"]] == [second.id, first.id]
