"""Every check finds what it is for, says nothing where all is well, and has a place on its page."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.wiring.wired import (
    ACCOUNT,
    REGION,
    arn,
    follows,
    function,
    mapping,
    open_to,
    queue,
    role,
    role_that,
    subscription,
    topic,
    wiring,
)
from wakeful.cli.wiring.checks import CHECKS
from wakeful.cli.wiring.findings import SEVERITIES, Check, Hit, examine
from wakeful.cli.wiring.model import (
    Bucket,
    Bus,
    DataStream,
    EventConfig,
    LogGroup,
    Notification,
    Rule,
    SourceMapping,
    Table,
    Target,
    Wiring,
)
from wakeful.cli.wiring.report import lines

PAGE = Path(__file__).parents[3] / "docs" / "doctor.md"

BILL = arn("lambda", "function:bill")
ORDERS, DEAD, NEWS = arn("sqs", "orders"), arn("sqs", "dead"), arn("sns", "news")
DEFAULT = Bus(arn=arn("events", "event-bus/default"))
OWN = Bus(arn=arn("events", "event-bus/own"))
DAY_S = 86_400

orders = queue("orders", dead_letter=DEAD, receives_max=5)
dead = queue("dead", retention_s=14 * DAY_S)
bill = function("bill", timeout_s=5)
reads = mapping("orders", "bill", batch=1)

FOLLOWED = arn("dynamodb", "table/carts/stream/2026-11-21T00:00:00.000")
CARTS, CLICKS = arn("dynamodb", "table/carts"), arn("kinesis", "stream/clicks")
carts = Table(arn=CARTS, name="carts", stream=FOLLOWED)
clicks = DataStream(arn=CLICKS, name="clicks")
tails = follows(FOLLOWED, "bill")


def told(of: Wiring, code: str) -> list[Hit]:
    return [each.hit for each in examine(of, CHECKS, only=[code])]


def rule(pattern: Any = None, bus: Bus = DEFAULT, target: Target | None = None, **more: Any) -> Rule:
    return Rule(
        arn=arn("events", "rule/r"),
        name="r",
        bus=bus.arn,
        pattern=json.dumps(pattern or {"source": ["mine"]}),
        targets=(target or Target(id="1", arn=BILL, dead_letter=DEAD),),
        **more,
    )


def bucket(name: str = "pictures", target: str = BILL, **more: Any) -> Bucket:
    return Bucket(
        name=name, notifications=(Notification(id="1", target=target, events=("s3:ObjectCreated:*",)),), **more
    )


def filtered(*patterns: Any, **more: Any) -> SourceMapping:
    return replace(reads, filters=tuple(map(json.dumps, patterns)), **more)


def subscribed(policy: Any, scope: str = "MessageAttributes", **more: Any) -> Any:
    return subscription("news", "sqs", ORDERS, filter_policy=json.dumps(policy), filter_scope=scope, **more)


def allowing(*things: Any) -> Wiring:
    """As `wiring`, in which everybody may call the function."""
    policy = json.dumps(
        {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "lambda:*", "Resource": BILL}]}
        | {"Version": "2012-10-17"}
    )
    return replace(wiring(*things), permissions={BILL: policy})


S3_CREATED = {"source": ["aws.s3"], "detail-type": ["Object Created"]}
LOOP = function("bill", events=(EventConfig(on_success=NEWS),))
FIFO = arn("sqs", "dead.fifo")
CALLS_PRINT = role_that(("lambda:InvokeFunction", arn("lambda", "function:print")))
MAY_READ = role_that(("sqs:*", ORDERS))

BITES: dict[str, tuple[Wiring, Wiring, str]] = {
    "W101": (wiring(queue("orders"), bill, reads), wiring(orders, dead, bill, reads), "up to 11,520 times"),
    "W102": (
        wiring(bill, bucket()),
        wiring(replace(bill, dead_letter=DEAD), bucket()),
        "of bucket pictures that fails 3 times, or cannot be run for 6 h, is dropped",
    ),
    "W103": (
        wiring(topic("news"), orders, subscription("news", "sqs", ORDERS)),
        wiring(topic("news"), orders, subscription("news", "sqs", ORDERS, dead_letter=DEAD)),
        "after 100,015 tries within 23 days",
    ),
    "W104": (
        wiring(DEFAULT, bill, rule(target=Target(id="1", arn=BILL, attempts=1))),
        wiring(DEFAULT, bill, rule()),
        "after 1 retry or 1 day",
    ),
    "W105": (wiring(orders), wiring(orders, dead), f"{DEAD} does not exist"),
    "W106": (
        wiring(DEFAULT, dead, rule()),
        wiring(DEFAULT, replace(dead, policy=open_to("events.amazonaws.com", DEAD)), rule()),
        "does not let events.amazonaws.com in",
    ),
    "W107": (
        wiring(orders, replace(dead, retention_s=4 * DAY_S)),
        wiring(orders, dead),
        "keeps messages for 4 days, counted from when they were first sent",
    ),
    "W108": (wiring(replace(orders, dead_letter=FIFO)), wiring(orders, dead), "only a standard one will do"),
    "W109": (
        wiring(orders, replace(dead, waiting=3)),
        wiring(orders, replace(dead, waiting=3), bill, mapping("dead", "bill")),
        "3 messages that queue orders gave up on wait here",
    ),
    "W110": (
        wiring(carts, bill, replace(tails, tries_max=2, age_s=3600, on_failure=None)),
        wiring(carts, bill, tails),
        "cannot handle of table carts is dropped after 3 tries or when it is 1 h old",
    ),
    "W201": (
        wiring(orders, replace(bill, timeout_s=31), reads),
        wiring(orders, replace(bill, timeout_s=30), reads),
        "hidden for 30 s and function bill may take 31 s",
    ),
    "W202": (
        wiring(orders, bill, replace(reads, window_s=1)),
        wiring(orders, bill, reads),
        "plus the window of 1 s are 31 s",
    ),
    "W203": (
        wiring(replace(orders, receives_max=4), bill, reads),
        wiring(orders, bill, reads),
        "given up after 4 receives",
    ),
    "W204": (
        wiring(replace(orders, receives_max=5, retention_s=150), bill, reads),
        wiring(replace(orders, receives_max=5, retention_s=151), bill, reads),
        "5 receives of 30 s take 2.5 min",
    ),
    "W205": (
        wiring(orders, bill, replace(reads, batch=10)),
        wiring(orders, bill, replace(reads, batch=10, reports_items=True)),
        "all of its batch, up to 10, come again",
    ),
    "W206": (
        wiring(replace(orders, receives_max=1), bill, replace(reads, batch=10)),
        wiring(replace(orders, receives_max=2), bill, replace(reads, batch=10)),
        "takes up to 9 others",
    ),
    "W207": (
        wiring(orders, replace(bill, timeout_s=3), replace(reads, batch=10)),
        wiring(orders, replace(bill, timeout_s=3), reads),
        "300.0 ms for each of 10 messages",
    ),
    "W208": (
        wiring(replace(orders, receives_max=1000), bill, reads),
        wiring(replace(orders, receives_max=100), bill, reads),
        "is tried 1,000 times within 8.3 h",
    ),
    "W209": (
        wiring(clicks, bill, follows(CLICKS, "bill", tries_max=None)),
        wiring(clicks, bill, follows(CLICKS, "bill", tries_max=None, age_s=3600)),
        "is tried for 1 day; those behind it in its shard of data stream clicks wait.",
    ),
    "W210": (
        wiring(carts, bill, replace(tails, halves=False)),
        wiring(carts, bill, tails, replace(tails, halves=False, reports_items=True)),
        "all of its batch, up to 10, run again, and given up with it",
    ),
    "W211": (
        wiring(clicks, bill, follows(CLICKS + "/consumer/c:1", "bill", age_s=7 * DAY_S)),
        wiring(replace(clicks, retention_s=7 * DAY_S), bill, follows(CLICKS, "bill", age_s=7 * DAY_S)),
        "gives up what is 7 days old, and data stream clicks keeps records for 1 day",
    ),
    "W212": (
        wiring(carts, bill, replace(tails, tumbling_s=60, window_s=60)),
        wiring(carts, bill, replace(tails, tumbling_s=60, window_s=5)),
        "a window lasts 60 s",
    ),
    "W301": (
        wiring(LOOP, topic("news"), subscription("news", "lambda", BILL)),
        wiring(LOOP, topic("news"), orders, subscription("news", "sqs", ORDERS), reads),
        "function bill passes what it returns on to topic news, which sends to function bill",
    ),
    "W302": (
        wiring(replace(bill, allows_loops=True), orders, reads, bill=role_that(("sqs:Send*", ORDERS))),
        wiring(bill, orders, reads, bill=role_that(("sqs:*", ORDERS))),
        "Recursive loop detection is off for function bill",
    ),
    "W303": (wiring(replace(bill, allows_loops=True)), wiring(bill), "RecursiveLoop is Allow"),
    "W304": (
        wiring(bill, function("print"), bill=CALLS_PRINT),
        wiring(bill, function("print"), bill=role_that(("lambda:*", "*"))),
        "both are paid for, up to 3 s for each call",
    ),
    "W305": (
        wiring(bill, function("print", timeout_s=6), bill=CALLS_PRINT),
        wiring(bill, function("print", timeout_s=5), bill=CALLS_PRINT),
        "It may run for 5 s and may invoke function print, which may take 6 s",
    ),
    "W401": (
        wiring(filtered({"detail": {"kind": ["x"]}})),
        wiring(filtered({"body": {"kind": ["x"]}})),
        'can meet its filter (detail.kind: ["x"])',
    ),
    "W402": (
        wiring(filtered({"detail": {"kind": ["x"]}}, {"body": ["x"]})),
        wiring(filtered({"detail": {"kind": ["x"]}})),
        "1 of its 2 filters can be met by nothing of queue orders",
    ),
    "W403": (
        wiring(subscribed({"price": [{"numeric": [">", 1, "<", 1.000001]}]})),
        wiring(subscribed({"price": [{"numeric": [">", 1, "<", 2]}]})),
        "queue orders gets nothing of topic news",
    ),
    "W404": (
        wiring(DEFAULT, rule({"detailType": ["x"]})),
        wiring(DEFAULT, rule({"detail-type": ["x"]})),
        'asks for (detailType: ["x"])',
    ),
    "W405": (
        wiring(filtered({"body": {"kind": ["x"]}}), subscription("news", "sqs", ORDERS)),
        wiring(filtered({"body": {"kind": ["x"]}}), subscription("news", "sqs", ORDERS, is_raw=True)),
        "A message of a topic is text within an envelope",
    ),
    "W406": (
        wiring(OWN, rule(S3_CREATED, OWN)),
        wiring(OWN, DEFAULT, rule(S3_CREATED, OWN), rule(target=Target(id="1", arn=OWN.arn))),
        "come to the default bus alone",
    ),
    "W407": (
        wiring(DEFAULT, rule(S3_CREATED), bucket()),
        wiring(DEFAULT, rule(S3_CREATED), bucket(has_eventbridge=True)),
        "(0 of 1 do)",
    ),
    "W501": (
        wiring(replace(orders, waiting=1), bill, replace(reads, is_enabled=False)),
        wiring(orders, bill, reads),
        "1 message waits now, each until it is 4 days old",
    ),
    "W502": (wiring(bill, reads), wiring(bill, orders, reads), f"{ORDERS} does not exist"),
    "W503": (wiring(bucket()), wiring(bucket(), bill), f"{BILL}, which does not exist"),
    "W504": (
        wiring(topic("news"), bill, subscription("news", "lambda", BILL)),
        allowing(topic("news"), bill, subscription("news", "lambda", BILL)),
        "does not let sns.amazonaws.com in for topic news",
    ),
    "W505": (wiring(DEFAULT, replace(rule(), targets=())), wiring(DEFAULT, rule()), "has no targets"),
    "W506": (
        wiring(topic("news")),
        wiring(topic("news"), subscription("news", "sqs", ORDERS)),
        "what is published to it is gone",
    ),
    "W507": (
        wiring(topic("news"), subscription("news", "https", "https://example.com/", is_pending=True)),
        wiring(topic("news"), subscription("news", "https", "https://example.com/")),
        "https://example.com/ (https) gets nothing",
    ),
    "W508": (
        wiring(replace(bill, state="Failed", reason="It is gone.")),
        wiring(replace(bill, state="Inactive")),
        "It cannot run: It is gone.",
    ),
    "W509": (
        wiring(orders, bill, reads, bill=role_that(("sqs:ReceiveMessage", ORDERS))),
        wiring(orders, bill, reads, bill=MAY_READ),
        "may not sqs:DeleteMessage, sqs:GetQueueAttributes on queue orders",
    ),
    "W510": (
        wiring(replace(carts, stream=CARTS + "/stream/later"), bill, tails),
        wiring(carts, bill, tails),
        "table carts writes to",
    ),
    "W511": (wiring(carts), wiring(carts, tails), "no function follows it"),
    "W601": (
        wiring(orders, replace(bill, reserved=0), reads),
        wiring(orders, replace(bill, reserved=9), reads),
        "Messages of queue orders are received and thrown back",
    ),
    "W602": (
        wiring(replace(bill, reserved=9), replace(reads, concurrency_max=10)),
        wiring(replace(bill, reserved=9), replace(reads, concurrency_max=9)),
        "may run 10 of it at a time and 9 are reserved",
    ),
    "W603": (
        wiring(replace(bill, reserved=1), reads),
        wiring(replace(bill, reserved=1), replace(reads, concurrency_max=2)),
        "1 execution of it is reserved, and the mapping of queue orders begins with 5",
    ),
    "W604": (
        wiring(carts, bill, tails, tails, tails),
        wiring(carts, bill, tails, tails),
        "3 mappings read its stream (function bill), and DynamoDB is made for 2",
    ),
    "W701": (wiring(replace(bill, runtime="python3.8")), wiring(replace(bill, runtime="python3.13")), "python3.8"),
    "W702": (
        wiring(
            replace(bill, log_group="/aws/lambda/bill"),
            LogGroup(arn="a", name="/aws/lambda/bill", is_kept_for_ever=True),
        ),
        wiring(bill, LogGroup(arn="a", name="/mine", is_kept_for_ever=True)),
        "1 log group of functions keeps everything for ever",
    ),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.code}_{check.name}")
def test_it_finds_what_it_is_for_and_nothing_else(check: Check) -> None:
    bad, good, words = BITES[check.code]
    (hit, *_) = told(bad, check.code)
    assert words in hit.what
    assert hit.arn
    assert told(good, check.code) == []


def test_what_helps_ends_with_a_command_that_a_shell_reads() -> None:
    prose = set()
    for code, (bad, _, _) in BITES.items():
        for hit in told(bad, code):
            assert hit.what.endswith("."), code
            _, begins, rest = hit.do.rpartition(": aws ") if not hit.do.startswith("aws ") else ("", "aws ", hit.do[4:])
            if not begins:
                prose.add(code)
                continue
            for line in f"aws {rest}".split(" && "):
                words = shlex.split(line)
                assert re.fullmatch(r"aws [a-z0-9]+ [a-z0-9-]+ --[a-z-]+", " ".join(words[:4])), line
                for word in words:
                    assert not word.startswith(("{", "[")) or json.loads(word) is not None
    assert prose == {"W108", "W304"}


def test_findings_are_told_the_worst_first_and_chosen_by_code() -> None:
    of = wiring(queue("orders"), replace(bill, timeout_s=31), reads, topic("news"))
    order = [SEVERITIES.index(each.check.severity) for each in examine(of, CHECKS)]
    assert order == sorted(order)
    assert len(set(order)) == 3
    assert {each.check.code for each in examine(of, CHECKS, only=["W2"])} == {"W201"}
    left = examine(of, CHECKS, ignore=["W201", "W5"])
    assert {each.check.code for each in left} == {each.check.code for each in examine(of, CHECKS)} - {"W201", "W506"}


def test_who_sends_to_an_idle_topic_is_named_before_it_is_deleted() -> None:
    (hit,) = told(wiring(topic("news"), bucket(target=NEWS)), "W506")
    assert hit.do.startswith("subscribe somebody, or have bucket pictures no longer send there, and: aws sns delete-")


def test_sentences_are_as_narrow_as_the_terminal_and_commands_are_whole() -> None:
    of = wiring(queue("orders"), bill, reads)
    said = list(lines(of, examine(of, CHECKS, only=["W101"]), width=72))
    (command,) = (line for line in said if line.startswith("      → aws "))
    assert len(command) > 120
    assert max(len(line) for line in said[2:] if line != command) <= 72


def test_a_role_that_another_function_has_too_tells_of_no_loop() -> None:
    """Unless that other one goes around as well: then one of them closes the circle."""
    writes = role_that(("sqs:SendMessage", ORDERS))
    sender = function("sender", role=role("bill"))
    assert told(wiring(bill, orders, reads, bill=writes), "W302")
    assert not told(wiring(bill, sender, orders, reads, bill=writes), "W302")
    assert told(wiring(bill, sender, orders, reads, mapping("orders", "sender"), bill=writes), "W302")


def test_what_could_not_be_read_is_no_reason_to_say_that_something_is_missing() -> None:
    why = {"queues": "ListQueues: AccessDenied", "functions": "", "subscriptions": "", "settings of functions": ""}
    of = wiring(orders, bill, reads, bucket(), topic("news"), rule(S3_CREATED), unread={**why, "buckets": ""})
    assert {each.check.code for each in examine(of, CHECKS)} <= {"W104", "W504"}


def test_what_belongs_to_others_is_not_judged() -> None:
    for other in (f"arn:aws:sqs:eu-west-1:{ACCOUNT}:dead", f"arn:aws:sqs:{REGION}:111111111111:dead"):
        assert told(wiring(replace(orders, dead_letter=other)), "W105") == []
    assert told(wiring(replace(reads, source=f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/s"), bill), "W502") == []
    own = replace(DEFAULT, policy=open_to("events.amazonaws.com", DEFAULT.arn))
    assert told(wiring(own, rule(S3_CREATED)), "W407") == []


def test_partners_of_aws_send_to_buses_of_their_own() -> None:
    partner = Bus(arn=arn("events", "event-bus/aws.partner/example.com/1"))
    assert told(wiring(partner, rule({"source": [{"prefix": "aws.partner/"}]}, partner)), "W406") == []


def test_provisioned_pollers_have_no_maximum_concurrency_to_set() -> None:
    assert told(wiring(replace(bill, reserved=1), replace(reads, has_pollers=True)), "W603") == []


def test_each_event_of_a_bucket_is_known_to_those_behind_it() -> None:
    """A filter on what S3's messages have is silent; one on what they lack is not."""
    tells = bucket(target=ORDERS)
    for pattern, bites in (
        ({"body": {"Records": {"s3": {"object": {"key": [{"prefix": "in/"}]}}}}}, False),
        ({"body": {"Records": {"eventSource": ["aws:sqs"]}}}, True),
        ({"body": {"detail": {"bucket": {"name": ["pictures"]}}}}, True),
    ):
        assert bool(told(wiring(tells, filtered(pattern)), "W405")) == bites
    on_topic = bucket(target=NEWS)
    for policy, scope, bites in (
        ({"kind": ["x"]}, "MessageAttributes", True),
        ({"kind": [{"exists": False}]}, "MessageAttributes", False),
        ({"Records": {"s3": {"bucket": {"name": ["pictures"]}}}}, "MessageBody", False),
        ({"Records": {"s3": {"bucket": {"name": ["films"]}}}}, "MessageBody", True),
    ):
        assert bool(told(wiring(on_topic, subscribed(policy, scope)), "W405")) == bites
    rules = rule({"source": ["mine"]}, target=Target(id="1", arn=ORDERS))
    assert told(wiring(rules, filtered({"body": {"orderId": ["x"]}})), "W405")
    assert not told(wiring(rules, filtered({"body": {"detail": {"orderId": ["x"]}}})), "W405")
    changed = rule(target=Target(id="1", arn=ORDERS, document={"InputPath": "$.detail"}))
    assert not told(wiring(changed, filtered({"body": {"orderId": ["x"]}})), "W405")


def test_dead_letters_are_let_in_by_the_right_of_whoever_sends_them() -> None:
    sends = replace(bill, dead_letter=DEAD)
    assert told(wiring(sends, dead, bill=role_that(("sqs:ReceiveMessage", DEAD))), "W106")
    assert not told(wiring(sends, dead, bill=role_that(("sqs:SendMessage", DEAD))), "W106")
    assert not told(wiring(sends, dead), "W106"), "the role is not known"
    for allow, bites in (
        ({"redrivePermission": "denyAll"}, True),
        ({"redrivePermission": "byQueue", "sourceQueueArns": [DEAD]}, True),
        ({"redrivePermission": "byQueue", "sourceQueueArns": [ORDERS]}, False),
        ({"redrivePermission": "allowAll"}, False),
    ):
        assert bool(told(wiring(orders, replace(dead, redrive_allow=allow)), "W106")) == bites
    assert role("bill") in told(wiring(sends, dead, bill=role_that(("sqs:ReceiveMessage", DEAD))), "W106")[0].what


def test_an_alias_has_a_destination_of_its_own() -> None:
    kept = EventConfig(qualifier="live", on_failure=DEAD)
    for target, bites in ((f"{BILL}:live", False), (BILL, True), (f"{BILL}:next", True)):
        of = wiring(replace(bill, events=(kept,)), subscription("news", "lambda", target))
        assert bool(told(of, "W102")) == bites


def test_a_function_that_changes_the_table_it_follows_may_loop_where_it_is_told_of_such_a_change() -> None:
    changed, removed = ({"eventName": [name]} for name in ("MODIFY", "REMOVE"))
    for action, filters, bites in (
        ("dynamodb:PutItem", [], True),
        ("dynamodb:UpdateItem", [changed], True),
        ("dynamodb:UpdateItem", [removed], False),
        ("dynamodb:DeleteItem", [changed, removed], True),
        ("dynamodb:*", [], False),
        ("dynamodb:GetItem", [], False),
    ):
        of = wiring(
            carts, bill, replace(tails, filters=tuple(map(json.dumps, filters))), bill=role_that((action, CARTS))
        )
        assert bool(told(of, "W302")) == bites, (action, filters)
    may = role_that(("kinesis:PutRecords", CLICKS))
    (hit,) = told(wiring(clicks, bill, follows(CLICKS, "bill"), bill=may), "W302")
    assert "Lambda's recursive loop detection does not see this one" in hit.what
    through = replace(carts, stream=None, destinations=(CLICKS,))
    assert told(
        wiring(through, clicks, bill, follows(CLICKS, "bill"), bill=role_that(("dynamodb:Put*", CARTS))), "W302"
    )
    assert not told(wiring(replace(carts, stream=None), bill, tails, bill=role_that(("dynamodb:Put*", CARTS))), "W302")


def test_whose_role_may_not_read_a_stream_is_told_unless_the_streams_own_policy_may_let_it() -> None:
    reads_shards = role_that(("dynamodb:Get*", FOLLOWED), ("kinesis:*", CLICKS))
    (hit,) = told(wiring(carts, bill, tails, bill=reads_shards), "W509")
    assert "may not dynamodb:DescribeStream on table carts" in hit.what
    assert not told(wiring(replace(carts, policy="{}"), bill, tails, bill=reads_shards), "W509")
    assert not told(wiring(clicks, bill, follows(CLICKS, "bill"), bill=reads_shards), "W509")
    (hit,) = told(wiring(clicks, bill, follows(CLICKS + "/consumer/c:1", "bill"), bill=reads_shards), "W509")
    assert "may not kinesis:SubscribeToShard" in hit.what


def test_filters_of_streams_are_held_against_their_records() -> None:
    for pattern, view, bites in (
        ({"dynamodb": {"NewImage": {"state": {"S": ["paid"]}}}}, "NEW_IMAGE", False),
        ({"dynamodb": {"NewImage": {"state": {"S": ["paid"]}}}}, "OLD_IMAGE", True),
        ({"dynamodb": {"NewImage": {"state": {"S": ["paid"]}}}}, "KEYS_ONLY", True),
        ({"dynamodb": {"OldImage": {"exists": [{"exists": False}]}}}, "NEW_IMAGE", False),
        ({"dynamodb": {"NewImage": {"state": ["paid"]}}}, "NEW_IMAGE", True),
        ({"dynamodb": {"NewImage": {"price": {"N": [{"numeric": [">", 9]}]}}}}, "NEW_IMAGE", True),
        ({"dynamodb": {"Keys": {"a.b": {"N": ["9"]}}}}, "KEYS_ONLY", False),
        ({"eventName": ["DELETE"]}, "NEW_IMAGE", True),
        ({"userIdentity": {"type": ["Service"]}}, "NEW_IMAGE", False),
    ):
        of = wiring(replace(carts, view=view), bill, replace(tails, filters=(json.dumps(pattern),)))
        assert bool(told(of, "W401")) == bites, (pattern, view)
    for pattern, bites in (({"data": {"kind": ["x"]}}, False), ({"kind": ["x"]}, True), ({"body": ["x"]}, True)):
        assert bool(told(wiring(clicks, follows(CLICKS, "bill", filters=(json.dumps(pattern),))), "W401")) == bites


def test_what_is_gone_of_streams_is_torn_and_what_is_wired_well_is_left_alone() -> None:
    assert told(wiring(bill, tails), "W502")
    assert told(wiring(bill, follows(CLICKS + "/consumer/c:1", "bill")), "W502")
    assert not told(wiring(bill, tails, unread={"tables": "AccessDenied"}), "W502")
    well = wiring(carts, clicks, dead, bill, tails, follows(CLICKS, "bill"))
    assert examine(well, CHECKS) == []
    assert told(wiring(replace(carts, has_replicas=True), bill, tails, tails), "W604")
    assert not told(wiring(replace(carts, has_replicas=True)), "W511")


def test_every_check_is_on_its_page_as_it_is_and_no_other_is() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| W")]
    wanted = [f"| {c.code} | {c.name} | {c.severity} | {c.why} | {c.page} |" for c in CHECKS]
    assert rows == wanted
    codes = [check.code for check in CHECKS]
    assert codes == sorted(set(codes))
    assert f"all {len(codes)} checks" in (PAGE.parent.parent / "README.md").read_text()
