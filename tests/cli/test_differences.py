"""What differs between two answers, as values and as lines."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wakeful.cli import differences
from wakeful.cli.differences import Change, Pair, changes, columns, pairs

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=3), below, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_the_same_has_no_changes(value: Any) -> None:
    assert list(changes(value, json.loads(json.dumps(value)))) == []


@given(json_values, json_values)
def test_there_are_changes_exactly_where_two_documents_are_not_the_same(then: Any, now: Any) -> None:
    assert bool(list(changes(then, now))) == (not differences.is_same(then, now))


@given(json_values, json_values)
def test_the_other_way_round_what_was_added_is_removed(then: Any, now: Any) -> None:
    def count(found: list[Change], kind: str) -> int:
        return sum(each.kind == kind for each in found)

    for below in ({"a": then}, {"a": now}):
        there, back = list(changes({}, below)), list(changes(below, {}))
        assert (count(there, "added"), count(back, "removed")) == (1, 1)


def test_changes_say_where_and_what() -> None:
    then = {"a": 1, "b": {"c d": [1, 2], "gone": None}, "same": "x"}
    now = {"a": 2, "b": {"c d": [1, 3, 4]}, "same": "x", "new": []}
    assert list(changes(then, now)) == [
        Change("changed", "a", 1, 2),
        Change("changed", 'b["c d"][1]', 2, 3),
        Change("added", 'b["c d"][2]', now=4),
        Change("removed", "b.gone", then=None),
        Change("added", "new", now=[]),
    ]
    assert list(changes(1, [1])) == [Change("changed", "$", 1, [1])]


def test_true_is_not_one_but_one_is_one() -> None:
    assert differences.is_same({"a": 1}, {"a": 1.0})
    assert not differences.is_same({"a": 1}, {"a": True})
    assert not differences.is_same([0], [False])


def test_an_item_that_was_put_in_does_not_make_all_after_it_differ() -> None:
    assert list(changes([1, 2, 3], [0, 1, 2, 3])) == [Change("added", "[0]", now=0)]
    assert list(changes([1, 2, 3], [1, 3])) == [Change("removed", "[1]", then=2)]


def test_very_long_lists_are_compared_place_by_place() -> None:
    then = list(range(differences.ALIGNED_MAX * 5))
    assert list(changes(then, [*then[:-1], -1, -2])) == [
        Change("changed", f"[{len(then) - 1}]", then[-1], -1),
        Change("added", f"[{len(then)}]", now=-2),
    ]


def test_lines_stand_beside_each_other_and_are_marked() -> None:
    rows = pairs(["a", "b", "c", "e"], ["a", "B", "c", "d", "e"])
    assert rows == [
        Pair(" ", "a", "a"),
        Pair("≠", "b", "B"),
        Pair(" ", "c", "c"),
        Pair(">", "", "d"),
        Pair(" ", "e", "e"),
    ]


def test_keys_say_which_lines_count_as_the_same() -> None:
    assert pairs(["id 1"], ["id 2"], ["id"], ["id"]) == [Pair(" ", "id 1", "id 2")]


def test_what_is_far_from_any_change_is_left_out_and_counted() -> None:
    then = [str(number) for number in range(20)]
    rows = differences.around_changes(pairs(then, [*then[:10], "x", *then[11:]]), context=1)
    assert [row.then for row in rows] == ["⋯ 9 equal lines", "9", "10", "11", "⋯ 8 equal lines"]


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), max_size=5), st.integers(40, 200))
def test_columns_fit_into_any_terminal(lines: list[tuple[str, str]], width: int) -> None:
    from rich.cells import cell_len

    told = columns([Pair("≠", *each) for each in lines], width)
    assert all(cell_len(line) <= width for line in told)


def test_what_is_too_long_goes_on_below_in_both_widths() -> None:
    row = [Pair("≠", "x" * 50, "y")]
    assert columns(row, 80) == ["x" * 38 + " ≠ y", "x" * 12 + " " * 26 + " ≠"]
    assert columns(row, 160) == ["x" * 50 + " " * 28 + " ≠ y"]


def test_an_answer_cannot_give_the_terminal_orders() -> None:
    (told,) = columns([Pair(" ", "\x1b[2Jgone", "\x07")], 80)
    assert "\x1b" not in told
    assert "\x07" not in told
    assert differences.lines_of(b"\x1b]0;x\nplain") == ["\N{REPLACEMENT CHARACTER}]0;x", "plain"]


def test_json_is_laid_out_and_text_is_left() -> None:
    assert differences.lines_of(b'{"a":[1]}') == ["{", '  "a": [', "    1", "  ]", "}"]
    assert differences.lines_of("zwei\nZeilen\xa0".encode()) == ["zwei", "Zeilen "]
    assert differences.lines_of(b"\xff") == ["\N{REPLACEMENT CHARACTER}"]
