"""`wakeful chaos`: what a user types to have things go wrong, and is told of it."""

from __future__ import annotations

import json

from tests.cli.conftest import Said, wakeful
from tests.running_node import RunningNode


def test_an_experiment_from_beginning_to_end(shared: RunningNode) -> None:
    def typed(*words: str) -> Said:
        return wakeful("chaos", *words, endpoint=shared.endpoint)

    sqs = shared.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    assert typed("list").out == "There is no chaos.\n"
    assert typed("report").err == "There is no chaos.\n"

    said = typed(
        "on", "orders", "--duplicate", "1", "--delay", "5-1m", "--reorder", "10", "--seed", "7", "--for", "10m"
    )
    assert said.status == 0, said.err
    lines = said.out.splitlines()
    which = lines[0].split()[0]
    assert lines[0].endswith("  arn:aws:sqs:us-east-1:000000000000:orders")
    assert lines[1].endswith(", seed 7")
    assert lines[2:] == [
        "  duplicate at a rate of 1, 0 to 5 s later",
        "  delay     at a rate of 1, 5 to 60 s later",
        "  reorder   at a rate of 1, before up to 10",
    ]
    sent = sqs.send_message(QueueUrl=url, MessageBody="a")["MessageId"]
    assert "  duplicate at a rate of 1, 0 to 5 s later: 1 of 1\n" in typed("list").out
    told = typed("report").out
    assert f"{sent}  duplicate: a copy" in told
    assert "  in the trace 1-" in told
    as_json = json.loads(typed("report", which, "--json").out)
    assert (as_json["id"], as_json["counts"]["delay"]) == (which, {"occasions": 1, "times": 1})
    assert json.loads(typed("list", "--json").out)["experiments"][0]["is_running"]

    said = typed("off")
    assert said.out.startswith(f"{which} on arn:aws:sqs:us-east-1:000000000000:orders is over: duplicate 1 of 1")
    assert typed("off", "all").out == "Nothing was running.\n"
    assert "over since" in typed("list").out


def test_what_cannot_be_is_said_in_a_sentence(shared: RunningNode) -> None:
    def refused(*words: str) -> str:
        said = wakeful("chaos", *words, endpoint=shared.endpoint)
        assert said.status != 0
        return said.err

    shared.client("sqs").create_queue(QueueName="line.fifo", Attributes={"FifoQueue": "true"})
    assert "say what shall happen" in refused("on", "line.fifo")
    assert "takes seconds" in refused("on", "line.fifo", "--delay", "soon")
    assert refused("on", "nothing", "--redeliver", "1") == (
        "there is no queue or topic or function nothing in 000000000000, us-east-1\n"
    )
    assert "FIFO gives each message once, and in order" in refused("on", "line.fifo", "--reorder", "3")
    assert refused("off", "nothing") == "There is no experiment nothing.\n"
    assert refused("report", "nothing") == "There is no experiment nothing.\n"


def test_the_account_is_that_of_the_credentials(shared: RunningNode) -> None:
    theirs = {"AWS_ACCESS_KEY_ID": "222222222222", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "eu-west-1"}
    said = wakeful("chaos", "on", "queue:*", "--throttle", "0.1", endpoint=shared.endpoint, **theirs)
    assert "arn:aws:sqs:eu-west-1:222222222222:*" in said.out
    assert wakeful("chaos", "off", endpoint=shared.endpoint).out == "Nothing was running.\n"
    assert "is over" in wakeful("chaos", "off", endpoint=shared.endpoint, **theirs).out
