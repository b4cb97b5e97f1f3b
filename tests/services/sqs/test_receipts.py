"""Only what a receive has given out names a message."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tests.services.sqs.test_queue_model import opened
from wakeful.services.sqs import queue as queues
from wakeful.services.sqs import receipts
from wakeful.services.sqs.errors import ReceiptHandleIsInvalid


@pytest.mark.parametrize(
    "told",
    [
        "1 2",
        "1 -2 abc",
        f"1 {'9' * 30} abc",  # more than a row's number can be
        f"1 {'9' * 5000} abc",
        "1 2 \0",
        "\u0661 2 abc",
        "2 2 abc",  # of another queue
        "1 2 abc d",
    ],
)
def test_a_handle_that_was_never_given_out_is_no_handle(told: str) -> None:
    tx, call = opened()
    queue = queues.create(tx, call, "q", {}, {})
    assert receipts.parse(queue, receipts.handle_of(queue, 2, "abc")) == (2, "abc")
    with pytest.raises(ReceiptHandleIsInvalid):
        receipts.parse(queue, b64encode(told.encode()).decode())


def test_what_is_no_base64_is_no_handle() -> None:
    tx, call = opened()
    queue = queues.create(tx, call, "q", {}, {})
    for handle in ("", "\u00e9", "a", "===="):
        with pytest.raises(ReceiptHandleIsInvalid):
            receipts.parse(queue, handle)
