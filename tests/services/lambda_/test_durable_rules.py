"""What may happen to an operation: every transition that is listed, none that is not, against a small model."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from wakeful import limits
from wakeful.services.lambda_.durable import rules
from wakeful.services.lambda_.durable.rules import TERMINAL, TRANSITIONS, Operation
from wakeful.services.lambda_.errors import InvalidParameterValueException

TYPES = ("CONTEXT", "STEP", "WAIT", "CALLBACK", "CHAINED_INVOKE")
ACTIONS = ("START", "SUCCEED", "FAIL", "RETRY", "CANCEL")
STATUSES = ("STARTED", "PENDING", "READY", "SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED")
OPTIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("STEP", "RETRY"): {"StepOptions": {"NextAttemptDelaySeconds": 10}},
    ("WAIT", "START"): {"WaitOptions": {"WaitSeconds": 10}},
    ("CALLBACK", "START"): {"CallbackOptions": {"TimeoutSeconds": 30, "HeartbeatTimeoutSeconds": 10}},
    ("CHAINED_INVOKE", "START"): {"ChainedInvokeOptions": {"FunctionName": "g"}},
}


def update(kind: str, action: str, **more: Any) -> dict[str, Any]:
    return {"Id": "1", "Type": kind, "Action": action, **OPTIONS.get((kind, action), {}), **more}


def refusal(current: Operation | None, asked: dict[str, Any]) -> str:
    with pytest.raises(InvalidParameterValueException) as raised:
        rules.apply(current, asked, 100.0)
    return raised.value.message


@pytest.mark.parametrize(("kind", "action", "before"), list(itertools.product(TYPES, ACTIONS, (None, *STATUSES))))
def test_what_is_not_listed_does_not_happen(kind: str, action: str, before: str | None) -> None:
    current = None if before is None else Operation(id="1", type=kind, status=before, started=1.0)
    legal = TRANSITIONS.get((kind, action), {})
    if before in legal:
        operation, event = rules.apply(current, update(kind, action), 100.0)
        assert operation.status == legal[before]
        assert (operation.ended == 100.0) == (operation.status in TERMINAL)
        assert event.type
    else:
        assert refusal(current, update(kind, action))


@given(st.sampled_from(sorted(TERMINAL)), st.sampled_from(TYPES), st.sampled_from(ACTIONS), st.floats(0, 1e10))
def test_what_is_over_stays_as_it_is(status: str, kind: str, action: str, now: float) -> None:
    over = Operation(id="1", type=kind, status=status, started=1.0, ended=2.0, timers={"timeout": 3.0})
    assert rules.elapse(over, now) is None
    assert refusal(over, update(kind, action))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (update("STEP", "FAIL", Payload="x"), "Cannot provide a Payload for FAIL action."),
        (update("STEP", "SUCCEED", Error={}), "Cannot provide an Error for SUCCEED action."),
        (
            update("STEP", "RETRY", Error={}, Payload="x"),
            "Cannot provide both error and payload to RETRY a STEP.",
        ),
        (update("STEP", "RETRY", StepOptions={}), "Invalid StepOptions for the given action."),
        (
            update("STEP", "START", StepOptions={"NextAttemptDelaySeconds": 1}),
            "Invalid StepOptions for the given action.",
        ),
        (update("WAIT", "START", WaitOptions={}), "Update for WAIT operation requires WaitOptions."),
        (
            update("CHAINED_INVOKE", "START", ChainedInvokeOptions=None),
            "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.",
        ),
        (update("WAIT", "SUCCEED"), "Invalid action for the given operation type."),
        (update("CONTEXT", "SUCCEED", Error={}), "Cannot provide an Error for SUCCEED action."),
        (
            update("STEP", "SUCCEED", Payload="x" * (limits.LAMBDA_DURABLE_PAYLOAD_BYTES_MAX + 1)),
            "STEP payload size must be less than or equal to 1048576 bytes.",
        ),
        (
            update("CHAINED_INVOKE", "START", Payload="ä" * (limits.LAMBDA_DURABLE_PAYLOAD_BYTES_MAX // 2 + 1)),
            "CHAINED_INVOKE input payload size must be less than or equal to 1048576 bytes.",
        ),
        (
            update("STEP", "FAIL", Error={"ErrorData": "x" * limits.LAMBDA_DURABLE_ERROR_BYTES_MAX}),
            "Error object size must be less than 1048576 bytes.",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(asked: dict[str, Any], message: str) -> None:
    assert refusal(None, asked) == message


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ({"Type": "WAIT", "Action": "CANCEL"}, "Inconsistent operation type."),
        ({"SubType": "Other"}, "Inconsistent operation subtype."),
        ({"Name": "other"}, "Inconsistent operation name."),
        ({"ParentId": "9"}, "Inconsistent parent operation id."),
    ],
)
def test_an_operation_stays_what_it_was_started_as(member: dict[str, Any], message: str) -> None:
    started = update("STEP", "START", Name="n", SubType="Step", ParentId="0")
    current, _ = rules.apply(None, started, 1.0)
    assert refusal(current, {**update("STEP", "SUCCEED"), **member}) == message
    assert rules.apply(current, update("STEP", "SUCCEED"), 2.0)[0].name == "n"


def batch_refusal(*updates: dict[str, Any], known: tuple[Operation, ...] = ()) -> str:
    with pytest.raises(InvalidParameterValueException) as raised:
        rules.check_batch(updates, {each.id: each for each in known})
    return raised.value.message


def test_a_batch_speaks_of_an_operation_once_but_may_start_and_close_a_step_or_a_context() -> None:
    started, closed = update("STEP", "START"), update("STEP", "SUCCEED")
    rules.check_batch([started, closed], {})
    rules.check_batch([update("CONTEXT", "START"), update("CONTEXT", "FAIL")], {})
    twice = "Cannot checkpoint multiple operations with the same ID."
    assert batch_refusal(closed, closed) == twice
    assert batch_refusal(started, started) == twice
    assert batch_refusal(update("WAIT", "START"), update("WAIT", "CANCEL")) == twice


def test_the_end_of_the_execution_is_the_last_update_of_its_batch() -> None:
    end = update("EXECUTION", "SUCCEED")
    assert batch_refusal(end, end) == "Cannot checkpoint multiple EXECUTION updates."
    assert batch_refusal(end, update("STEP", "START")) == "EXECUTION checkpoint must be the last update."


def test_a_parent_is_a_context_that_is_there_or_is_started_before() -> None:
    child = {**update("STEP", "START"), "Id": "2", "ParentId": "1"}
    parent = update("CONTEXT", "START")
    rules.check_batch([parent, child], {})
    rules.check_batch([child], {"1": Operation("1", "CONTEXT", "STARTED", 1.0)})
    assert batch_refusal(child) == "Invalid parent operation id."
    assert batch_refusal(child, parent) == "Invalid parent operation id."
    assert batch_refusal(child, known=(Operation("1", "STEP", "STARTED", 1.0),)) == "Invalid parent operation id."


def test_a_callback_times_out_at_whichever_comes_first_and_a_heartbeat_puts_it_off() -> None:
    current, _ = rules.apply(None, update("CALLBACK", "START"), 100.0)
    assert current.due == 110.0
    later = rules.beat(current, 109.0)
    assert later.due == 119.0
    elapsed = rules.elapse(later, 119.0)
    assert elapsed is not None
    assert elapsed[0].details["Error"]["ErrorType"] == "Callback.Heartbeat"
    assert rules.beat(later, 125.0).due == 130.0
    ended = rules.elapse(rules.beat(later, 125.0), 130.0)
    assert ended is not None
    assert ended[0].details["Error"] == {"ErrorType": "Callback.Timeout", "ErrorMessage": "Callback timed out"}


class Steps(RuleBasedStateMachine):
    """A step against a model that knows only: not there, running, put off until, to be tried, over."""

    operations = Bundle("operations")

    @initialize()
    def begin(self) -> None:
        self.now = 0.0
        self.current: Operation | None = None
        self.model: str = "absent"
        self.attempts = 0
        self.until = 0.0

    def _act(self, action: str, allowed: set[str]) -> bool:
        asked = update("STEP", action)
        if self.model not in allowed:
            refusal(self.current, asked)
            return False
        self.current, _ = rules.apply(self.current, asked, self.now)
        return True

    @rule()
    def start(self) -> None:
        if self._act("START", {"absent", "ready"}):
            self.model = "running"

    @rule(action=st.sampled_from(["SUCCEED", "FAIL"]))
    def close(self, action: str) -> None:
        if self._act(action, {"absent", "running", "ready"}):
            self.model = "over"
            self.attempts += 1

    @rule()
    def retry(self) -> None:
        if self._act("RETRY", {"absent", "running", "ready"}):
            self.model, self.until = "put off", self.now + 10
            self.attempts += 1

    @rule(seconds=st.integers(1, 12))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        elapsed = None if self.current is None else rules.elapse(self.current, self.now)
        assert (elapsed is not None) == (self.model == "put off" and self.until <= self.now)
        if elapsed is not None:
            self.current, self.model = elapsed[0], "ready"

    @invariant()
    def they_agree(self) -> None:
        if self.current is None:
            assert self.model == "absent"
            return
        states = {"running": "STARTED", "put off": "PENDING", "ready": "READY"}
        assert self.current.status == states.get(self.model, self.current.status)
        assert self.current.is_over == (self.model == "over")
        assert self.current.is_pending == (self.model == "put off")
        assert self.current.details["Attempt"] == self.attempts
        assert self.current.due == (self.until if self.model == "put off" else None)

    @precondition(lambda self: self.model == "over")
    @rule()
    def nothing_more(self) -> None:
        assert self.current is not None
        assert self.current.ended is not None


TestSteps = Steps.TestCase
