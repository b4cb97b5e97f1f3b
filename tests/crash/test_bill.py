"""SIGKILL: what was billed is on the bill, its rows add up to it, and at most the last tenth of a second is missing."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.functions import call, deploy
from tests.node_process import NodeProcess
from wakeful import limits

pytestmark = pytest.mark.slow


def page(node: NodeProcess, path: str) -> Any:
    with urllib.request.urlopen(f"{node.endpoint}/_wakeful/{path}") as answer:
        return json.loads(answer.read())


def of_bill(node: NodeProcess) -> Counter[str]:
    (account,) = page(node, "bill")["accounts"]
    (group,) = account["groups"]
    return Counter(group["units"])


def of_rows(node: NodeProcess) -> Counter[str]:
    units: Counter[str] = Counter()
    for each in page(node, "bill/invocations?function=f&limit=1000")["invocations"]:
        units.update(each["units"])
    return units


def test_a_killed_node_has_billed_what_it_ran_and_no_row_too_many(node: NodeProcess) -> None:
    node.start()
    deploy(node.client("lambda"))
    for _ in range(5):
        call(node.client("lambda"))
    time.sleep(5 * limits.TELEMETRY_FLUSH_S)  # the moment of the crash is what this test is about
    assert of_bill(node)["Request"] == 5
    counts, stop = [0, 0], threading.Event()
    threads = [threading.Thread(target=load, args=(node, counts, index, stop)) for index in range(2)]
    for thread in threads:
        thread.start()
    while min(counts) < 20 or of_bill(node)["Request"] == 5:  # what is noted is on disk a little later
        time.sleep(0.01)
    node.kill()
    stop.set()
    for thread in threads:
        thread.join()
    node.start()
    billed = of_bill(node)
    assert of_rows(node) == billed
    assert 5 < billed["Request"] <= 5 + sum(counts) + 2  # two were answered to nobody
    call(node.client("lambda"))
    assert of_rows(node) == of_bill(node)
    assert of_bill(node)["Request"] == billed["Request"] + 1
    assert node.stop() == 0


def load(node: NodeProcess, counts: list[int], index: int, stop: threading.Event) -> None:
    client = node.client("lambda")
    while not stop.is_set():
        try:
            client.invoke(FunctionName="f")
        except (BotoCoreError, ClientError, OSError):
            return
        counts[index] += 1
