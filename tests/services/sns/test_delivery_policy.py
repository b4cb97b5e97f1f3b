"""Delivery policies: when a delivery is tried again, and what may be asked for."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.sns import delivery_policy
from wakeful.services.sns.delivery_policy import Retries
from wakeful.services.sns.errors import InvalidParameterException
from wakeful.wire.errors import NotImplementedHere

BACKOFFS = ("arithmetic", "exponential", "geometric", "linear")
PREFIX = "Invalid parameter: "
DOCUMENTED = {
    "minDelayTarget": 1,
    "maxDelayTarget": 60,
    "numRetries": 50,
    "numNoDelayRetries": 3,
    "numMinDelayRetries": 2,
    "numMaxDelayRetries": 35,
    "backoffFunction": "exponential",
}


def retries(**members: Any) -> dict[str, Any]:
    return {"healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 2, "numRetries": 3, **members}}


def delays(document: dict[str, Any]) -> tuple[float, ...]:
    return delivery_policy.effective(None, json.dumps(document)).retries.delays()


def test_without_a_policy_there_are_three_retries_twenty_seconds_apart() -> None:
    assert delivery_policy.effective(None, None).retries.delays() == (20, 20, 20)


def test_the_documented_examples_are_what_the_guide_says_of_them() -> None:
    found = delays({"healthyRetryPolicy": DOCUMENTED})
    assert (len(found), found[:5], found[-35:]) == (50, (0, 0, 0, 1, 1), (60,) * 35)
    assert (found[5], found[14]) == (1, 60)
    assert delays(retries(minDelayTarget=20, maxDelayTarget=40)) == (20, 30, 40)


def test_backoff_functions_differ_between_the_first_and_the_last_delay() -> None:
    """Linear delays rise first, then arithmetic, geometric and exponential ones, as in the guide's picture."""
    fifth = []
    for backoff in ("linear", "arithmetic", "geometric", "exponential"):
        found = Retries(5, 260, 10, 0, 0, 0, backoff).delays()
        assert (found[0], found[-1]) == (5, 260)
        fifth.append(round(found[4]))
    assert fifth == [118, 62, 29, 12]


@examples(200)
@given(
    low=st.integers(1, 3600),
    more=st.integers(0, 3600),
    phases=st.tuples(*[st.integers(0, 25)] * 4),
    backoff=st.sampled_from(BACKOFFS),
)
def test_delays_rise_from_nothing_to_the_longest_and_are_as_many_as_retries(
    low: int, more: int, phases: tuple[int, int, int, int], backoff: str
) -> None:
    high, (at_once, at_min, backing_off, at_max) = low + more, phases
    found = Retries(low, high, sum(phases), at_once, at_min, at_max, backoff).delays()
    assert len(found) == sum(phases)
    assert all(before <= after + 1e-6 for before, after in pairwise(found))
    assert found[:at_once] == (0,) * at_once
    assert all(low - 1e-6 <= delay <= high + 1e-6 for delay in found[at_once:])
    assert found[at_once : at_once + at_min] == (low,) * at_min
    assert found[len(found) - at_max :] == (high,) * at_max
    if backing_off:
        assert found[at_once + at_min] == low


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"healthyRetryPolicy": {"numRetries": 3}}, "healthyRetryPolicy.minDelayTarget must be specified"),
        (retries(minDelayTarget=0), "healthyRetryPolicy.minDelayTarget must be greater than or equal to 1"),
        (retries(maxDelayTarget=3601), "healthyRetryPolicy.maxDelayTarget must be less than or equal to 3600"),
        (retries(numRetries=101), "healthyRetryPolicy.numRetries must be less than or equal to 100"),
        (retries(numRetries=-1), "healthyRetryPolicy.numRetries must be greater than or equal to 0"),
        (
            retries(minDelayTarget=3),
            "healthyRetryPolicy.maxDelayTarget must be greater than or equal to minDelayTarget",
        ),
        (
            retries(numNoDelayRetries=2, numMaxDelayRetries=2),
            "healthyRetryPolicy.numRetries must be greater than or equal to total of numMinDelayRetries,"
            " numNoDelayRetries and numMaxDelayRetries",
        ),
        (
            retries(backoffFunction="slow"),
            "healthyRetryPolicy.backoffFunction: the value [slow] is not a valid backoff function",
        ),
        (retries(numRetries="3"), "healthyRetryPolicy.numRetries must be an integer"),
        (retries(many=3), "Unexpected JSON member: healthyRetryPolicy.many"),
        ({"throttlePolicy": {"maxReceivesPerSecond": 0}}, "throttlePolicy.maxReceivesPerSecond must be >= 1"),
        (
            {"requestPolicy": {"headerContentType": "image/png"}},
            "requestPolicy.headerContentType: the value [image/png] is not a supported content type",
        ),
        (
            {"requestPolicy": {"headerContentType": "text/plain\r\n"}},
            "requestPolicy.headerContentType: the value [text/plain\r\n] is not a supported content type",
        ),
        ({"http": {}}, "Unexpected JSON member: http"),
        ([], "JSON must be an object"),
    ],
)
def test_a_policy_that_no_subscription_may_have_is_refused(document: Any, fault: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        delivery_policy.check_of_subscription(json.dumps(document), PREFIX)
    assert refused.value.message == f"{PREFIX}DeliveryPolicy: {fault}"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({}, "http must be specified"),
        ({"http": 3}, "http must be an object"),
        ({"healthyRetryPolicy": {}}, "Unexpected JSON member: healthyRetryPolicy"),
        (
            {"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1}}},
            "http.defaultHealthyRetryPolicy.numRetries must be specified",
        ),
        ({"http": {"disableSubscriptionOverrides": "no"}}, "http.disableSubscriptionOverrides must be a boolean"),
    ],
)
def test_a_policy_that_no_topic_may_have_is_refused(document: Any, fault: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        delivery_policy.check_of_topic(json.dumps(document))
    assert refused.value.message == f"{PREFIX}DeliveryPolicy: {fault}"


def test_what_sns_has_no_more_is_refused_by_name() -> None:
    with pytest.raises(NotImplementedHere, match="sicklyRetryPolicy"):
        delivery_policy.check_of_subscription(json.dumps({"sicklyRetryPolicy": {"numRetries": 1}}), PREFIX)
    with pytest.raises(NotImplementedHere, match="guaranteed"):
        delivery_policy.check_of_subscription(json.dumps({"guaranteed": True}), PREFIX)
    delivery_policy.check_of_subscription(json.dumps({"sicklyRetryPolicy": None, "guaranteed": False}), PREFIX)


def test_a_subscriptions_policy_goes_before_its_topics_unless_that_forbids_it() -> None:
    of_topic = {
        "http": {
            "defaultHealthyRetryPolicy": {"minDelayTarget": 5, "maxDelayTarget": 5, "numRetries": 1},
            "defaultThrottlePolicy": {"maxReceivesPerSecond": 7},
            "defaultRequestPolicy": {"headerContentType": "application/json"},
        }
    }
    own = json.dumps(retries(numRetries=0))
    of_both = delivery_policy.effective(json.dumps(of_topic), own)
    assert (of_both.retries.delays(), of_both.per_second_max, of_both.content_type) == ((), 7, "application/json")
    of_topic["http"]["disableSubscriptionOverrides"] = True
    assert delivery_policy.effective(json.dumps(of_topic), own).retries.delays() == (5,)
