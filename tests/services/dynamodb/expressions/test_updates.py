"""Updates: what they refuse, and what an item is after them."""

from __future__ import annotations

import pytest

from tests.services.dynamodb.expressions.asking import ITEM, KEYS, VALUES, refusal, refusals, updated, used
from wakeful.services.dynamodb.expressions import asked
from wakeful.services.dynamodb.values import Item

REFUSED = refusals("update: what has no sense")

# Of two mistakes the one that DynamoDB speaks of: from the last action to the first, paths before values.
FIRST_REFUSED = refusals("update: of two mistakes, the one that is told")

# Only the item shows it, or the table's keys.
REFUSED_OF_THE_ITEM = refusals("update: what the item or its keys do not allow")

CHANGED: tuple[tuple[str, Item], ...] = (
    ("SET n = :a", {"n": {"N": "1"}}),
    ("set x = :a, y = n", {"x": {"N": "1"}, "y": {"N": "5"}}),
    ("SET n = n + :a", {"n": {"N": "6"}}),
    ("SET n = :a-n", {"n": {"N": "-4"}}),
    ("SET n = if_not_exists(x, :a) + if_not_exists(n, :a)", {"n": {"N": "6"}}),
    ("SET x = if_not_exists(y, if_not_exists(n, :a))", {"x": {"N": "5"}}),
    ("SET n = s, s = n", {"n": {"S": "hello"}, "s": {"N": "5"}}),
    ("SET l = list_append(l, :l)", {"l": {"L": [*ITEM["l"]["L"], {"N": "5"}]}}),
    ("SET l = list_append(if_not_exists(x, :l), l)", {"l": {"L": [{"N": "5"}, *ITEM["l"]["L"]]}}),
    ("SET m.k = :s, m.x = m.k", {"m": {"M": {**ITEM["m"]["M"], "k": {"S": "x"}, "x": {"N": "1"}}}}),
    ("SET m.x = m", {"m": {"M": {**ITEM["m"]["M"], "x": ITEM["m"]}}}),
    ("SET l[1] = l[0], l[0] = l[1]", {"l": {"L": [{"S": "x"}, {"N": "1"}, ITEM["l"]["L"][2]]}}),
    ("SET l[9] = :a, l[7] = :s", {"l": {"L": [*ITEM["l"]["L"], {"S": "x"}, {"N": "1"}]}}),
    ("SET l[2] = :a REMOVE l[0]", {"l": {"L": [{"S": "x"}, {"N": "1"}]}}),
    ("SET l[9] = :a REMOVE l[3], l[0]", {"l": {"L": [*ITEM["l"]["L"][1:], {"N": "1"}]}}),
    ("SET l[2].k = :a REMOVE l[1]", {"l": {"L": [{"N": "1"}, {"M": {"k": {"N": "1"}}}]}}),
    ("REMOVE l[0], l[1], l[2].k", {"l": {"L": [{"M": {}}]}}),
    ("REMOVE l[9], m.x, x", {}),
    ("REMOVE m.k, m.d.e", {"m": {"M": {"d": {"M": {}}}}}),
    ("ADD n :a, x :five, m.k :a", {"n": {"N": "6"}, "x": {"N": "5"}, "m": {"M": {**ITEM["m"]["M"], "k": {"N": "2"}}}}),
    ("ADD ns :ns, ss :ss, x :ss", {"x": {"SS": ["a"]}}),
    ("ADD l[0] :a, l[9] :a", {"l": {"L": [{"N": "2"}, *ITEM["l"]["L"][1:], {"N": "1"}]}}),
    ("DELETE ss :ss, x :ss, m.x :ss", {"ss": {"SS": ["b"]}}),
    ("SET size = :a, #odd.#set = :a", {"size": {"N": "1"}, "a.b": {"M": {"set": {"N": "1"}}}}),
)


@pytest.mark.parametrize(("text", "why"), (*REFUSED, *FIRST_REFUSED))
def test_an_update_without_sense_is_refused(text: str, why: str) -> None:
    request = {"UpdateExpression": text, **used(text)}
    assert refusal("UpdateItem", request) == f"Invalid UpdateExpression: {why}"


@pytest.mark.parametrize(("text", "why"), REFUSED_OF_THE_ITEM)
def test_an_update_that_does_not_fit_the_item_is_refused(text: str, why: str) -> None:
    assert refusal("UpdateItem", {"UpdateExpression": text, **used(text)}) == why


@pytest.mark.parametrize(("text", "after"), CHANGED)
def test_what_it_names_is_changed_and_nothing_else(text: str, after: dict[str, object]) -> None:
    names = {"odd": "a.b", "set": "set"} if "#" in text else {}
    item = {**ITEM, "a.b": {"M": {}}} if names else ITEM
    before = repr(item)
    assert updated(text, item, **names) == {**item, **after}
    assert repr(item) == before, "the item before stays as it was"


def test_what_is_left_without_members_is_gone() -> None:
    after = updated("DELETE ss :ss REMOVE n", {"ss": {"SS": ["a"]}, "n": {"N": "1"}, "s": {"S": ""}})
    assert after == {"s": {"S": ""}}
    assert updated("DELETE l[0] :ss", {"l": {"L": [{"SS": ["a"]}, {"N": "1"}]}}) == {"l": {"L": [{"N": "1"}]}}


@pytest.mark.parametrize(
    ("text", "one", "other", "result"),
    [
        ("SET x = :x + :y", "99999999999999999999999999999999999999", "1", "1" + "0" * 38),
        ("SET x = :x - :y", "1.0000000000000000000000000000000000001", "0.0000000000000000000000000000000000001", "1"),
        ("SET x = :x + :y", "-0.5", "0.5", "0"),
        ("SET x = :x + :y", "1E-130", "2E-130", "0." + "0" * 129 + "3"),
        ("SET x = :x + :y", "9E125", "9E125", "Number overflow"),
        ("SET x = :x - :y", "1.1E-130", "1E-130", "Number underflow"),
        # Of too many digits DynamoDB says that the magnitude is too large.
        ("SET x = :x + :y", "1E50", "1", "Number overflow"),
    ],
)
def test_sums_are_exact_or_refused(text: str, one: str, other: str, result: str) -> None:
    request = {"UpdateExpression": text, "ExpressionAttributeValues": {":x": {"N": one}, ":y": {"N": other}}}
    why = refusal("UpdateItem", request)
    if why:
        assert why.startswith(result)
    else:
        update = asked("UpdateItem", request, KEYS).update
        assert update is not None
        assert update.apply(ITEM)["x"] == {"N": result}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("SET n = :a REMOVE x.y", {"n": {"N": "1"}}),
        ("ADD n :a DELETE x.y :ss", {"n": {"N": "1"}}),
        ("REMOVE x, x2.y, x3[0]", None),
        ("DELETE x :ss REMOVE y", None),
    ],
)
def test_of_no_item_one_is_made_unless_it_only_takes_away(text: str, made: dict[str, object] | None) -> None:
    update = asked("UpdateItem", {"UpdateExpression": text, **used(text)}, KEYS).update
    assert update is not None
    key = {"p": ITEM["p"], "r": ITEM["r"]}
    assert update.of_nothing(key) == (None if made is None else {**key, **made})


def test_it_tells_what_it_changes() -> None:
    text = "REMOVE l[0] SET m.k = :a, #odd = n"
    request = {"UpdateExpression": text, **used(text, names={"#odd": "a.b"})}
    update = asked("UpdateItem", request, KEYS).update
    assert update is not None
    assert update.paths() == (("l", 0), ("m", "k"), ("a.b",))
    assert VALUES[":a"] == {"N": "1"}


def test_an_update_has_300_operators_at_most() -> None:
    def sums(count: int) -> str:
        text = "SET " + ",".join(f"x{place}=n+:a" for place in range(count))
        return refusal("UpdateItem", {"UpdateExpression": text, **used(text)})

    assert sums(300) == ""
    assert sums(301) == "Invalid UpdateExpression: The expression contains too many operators; operator count: 301"
