"""Projections: what is wanted of an item."""

from __future__ import annotations

import pytest

from tests.services.dynamodb.expressions.asking import ITEM, projected, refusal, refusals

REFUSED = refusals("projection")

LISTS = ITEM["l"]["L"]


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_a_projection_without_sense_is_refused(text: str, why: str) -> None:
    assert refusal("GetItem", {"ProjectionExpression": text}) == f"Invalid ProjectionExpression: {why}"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("n, s", {"n": ITEM["n"], "s": ITEM["s"]}),
        ("x, x.y, l[9], m.x, n.k, s[0], m[0]", None),
        ("n, x, m.x", {"n": ITEM["n"]}),
        ("m.k, m.d", {"m": ITEM["m"]}),
        ("m.d.e, m.d.x", {"m": {"M": {"d": ITEM["m"]["M"]["d"]}}}),
        ("l[1], l[0]", {"l": {"L": LISTS[:2]}}),
        ("l[2].k, l[0]", {"l": {"L": [LISTS[0], LISTS[2]]}}),
        ("l[2].x, l[1]", {"l": {"L": [LISTS[1]]}}),
        ("l[2].x", {}),
        ("l [ 0 ] , m . k", {"l": {"L": LISTS[:1]}, "m": {"M": {"k": {"N": "1"}}}}),
    ],
)
def test_what_is_there_of_what_is_named_is_picked(text: str, wanted: dict[str, object] | None) -> None:
    if wanted is None:  # the same path twice, or into a map and a list at once: one after the other
        assert all(projected(each) == {} for each in text.split(", "))
    else:
        assert projected(text) == wanted


def test_a_name_with_a_dot_is_one_name() -> None:
    assert projected("#odd", {"a.b": {"N": "1"}, "a": {"M": {"b": {"N": "2"}}}}, odd="a.b") == {"a.b": {"N": "1"}}
