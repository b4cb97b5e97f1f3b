"""What a lane's checkpoint becomes when a batch has gone well, has failed, or is given up. Rules without state.

"Retain discarded batch records …", "Configuring partial batch response with …" and "Implementing stateful … stream
processing in Lambda", each for DynamoDB and for Kinesis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wakeful import limits
from wakeful.services.lambda_.sources.streams.checkpoints import Checkpoint, Pending, Response, Window
from wakeful.services.lambda_.sources.streams.rules import FOREVER

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
AGE_EXCEEDED = "RecordAgeExceeded"
TOO_LARGE = "RecordTooLarge"
"""Ours: AWS does not say what it calls that."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a mapping says of failures. None is no bound."""

    retries_max: int | None = None
    age_max_s: float | None = None
    bisects: bool = False


def policy_of(config: Mapping[str, Any]) -> Policy:
    retries, age_s = config["MaximumRetryAttempts"], config["MaximumRecordAgeInSeconds"]
    return Policy(
        None if retries == FOREVER else retries,
        None if age_s == FOREVER else float(age_s),
        config["BisectBatchOnFunctionError"],
    )


@dataclass(frozen=True, slots=True)
class After:
    """What is true after a batch: how many of its last records were given up, and why."""

    checkpoint: Checkpoint
    given_up: int = 0
    attempts: int = 0
    """How often those were run."""


def succeeded(before: Checkpoint, end: int) -> Checkpoint:
    """Everything up to `end` is done with; behind it what is still pending is next."""
    return replace(before, position=end, pending=before.pending[1:], due=0.0)


def failed(
    before: Checkpoint, numbers: Sequence[int], end: int, done: int, response: Response, policy: Policy, now: float
) -> After:
    """The function got the entries of these numbers, up to `end`, and did the first `done` of them.

    What is left is halved, where that is asked for and there is something to halve: first by what the function did.
    Else it was one attempt more, and after the last one it is given up.
    """
    first = before.pending[0] if before.pending else Pending(end)
    position = before.position if done == 0 else numbers[done] - 1
    left = numbers[done:]
    at = replace(before, position=position)
    if policy.bisects and (done or len(left) > 1):
        whole = Pending(end, first.attempts, response)
        if done:
            return After(replace(at, pending=(whole, *before.pending[1:]), due=now))
        half = Pending(left[len(left) // 2] - 1, first.attempts, response)
        return After(replace(at, pending=(half, whole, *before.pending[1:]), due=now))
    attempts = first.attempts + 1
    if policy.retries_max is not None and attempts > policy.retries_max:
        return After(succeeded(at, end), len(left), attempts)
    again = Pending(end, attempts, response)
    return After(replace(at, pending=(again, *before.pending[1:]), due=now + backoff_s(attempts)))


def aged(before: Checkpoint, last: int) -> Checkpoint:
    """What begins the pending batch, or what would come next, is too old up to the entry `last`."""
    pending = tuple(each for each in before.pending if each.end > last)
    return replace(before, position=last, pending=pending, due=0.0)


def backoff_s(attempts: int) -> float:
    """How long a batch rests that has failed so often."""
    return float(min(limits.LAMBDA_STREAM_BACKOFF_MAX_S, limits.LAMBDA_STREAM_BACKOFF_S * 2 ** min(attempts - 1, 16)))


# --- tumbling windows ------------------------------------------------------------------------------------------------


def window_of(at: float, open_: Window | None, length_s: int) -> Window:
    """The window of an entry of that moment: the open one as long as it is not past it, else a new one."""
    if open_ is not None and at < open_.end:
        return open_
    start = at // length_s * length_s
    return Window(start, start + length_s, {})


def ends_window(window: Window, now: float, next_at: float | None, *, is_over: bool, is_asked_for: bool) -> bool:
    """Whether nothing more can belong to the window: something later has come, it is long past, or the shard is over.

    `next_at` is when the next entry came, where there is one.
    """
    if next_at is not None:
        return next_at >= window.end
    return is_over or not is_asked_for or now >= window.end + limits.LAMBDA_TUMBLING_GRACE_S


def window_ended(before: Checkpoint) -> Checkpoint:
    """The function has had the last of it. One that ended early goes on, with nothing in it yet."""
    assert before.window is not None
    if before.window.is_too_large:
        return replace(before, window=Window(before.window.start, before.window.end, {}), due=0.0)
    return replace(before, window=None, due=0.0)


def window_failed(before: Checkpoint, policy: Policy, now: float) -> After:
    """Its last invocation has failed: the lane waits for it, or lets what was made of the window go."""
    assert before.window is not None
    attempts = before.window.attempts + 1
    is_exhausted = policy.retries_max is not None and attempts > policy.retries_max
    if is_exhausted or (policy.age_max_s is not None and now - before.window.start > policy.age_max_s):
        return After(window_ended(before), attempts=attempts)
    return After(replace(before, window=replace(before.window, attempts=attempts), due=now + backoff_s(attempts)))


def with_state(checkpoint: Checkpoint, window: Window, state: Any, size: int) -> Checkpoint:
    """The function has made `state` of the window."""
    is_too_large = size > limits.LAMBDA_WINDOW_STATE_BYTES_MAX
    return replace(checkpoint, window=replace(window, state=state, is_too_large=is_too_large))
