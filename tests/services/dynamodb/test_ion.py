"""Items in Amazon Ion's text: what is written is read as it was, and what others write is read too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.dynamodb.copies import ion
from wakeful.services.dynamodb.copies.ion_reader import Gatherer, NotIon, values
from wakeful.services.dynamodb.copies.unpacking import IonReader, Malformed

texts = st.text(max_size=12)
numbers = st.sampled_from(["0", "1", "-1.5", "103", "1E+100", "-1E-7", "0.001"])
binaries = st.sampled_from(["", "AP8=", "eA=="])
scalars: st.SearchStrategy[dict[str, Any]] = st.one_of(
    texts.map(lambda text: {"S": text}),
    numbers.map(lambda number: {"N": number}),
    binaries.map(lambda binary: {"B": binary}),
    st.booleans().map(lambda truth: {"BOOL": truth}),
    st.just({"NULL": True}),
    st.lists(texts, min_size=1, max_size=3).map(lambda held: {"SS": held}),
    st.lists(numbers, min_size=1, max_size=3).map(lambda held: {"NS": held}),
    st.lists(binaries, min_size=1, max_size=3).map(lambda held: {"BS": held}),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda held: {"L": held}),
        st.dictionaries(texts, inner, max_size=3).map(lambda held: {"M": held}),
    ),
    max_leaves=8,
)
items = st.dictionaries(texts, anything, max_size=4)


def plain(value: Any) -> Any:
    """With numbers that are written in one way."""
    if isinstance(value, dict):
        is_number = isinstance(value.get("N"), str)  # and no map with a member of that name
        return {"N": value["N"].replace("+", "")} if is_number else {key: plain(value[key]) for key in value}
    if isinstance(value, list):
        return [each.replace("+", "") if isinstance(each, str) else plain(each) for each in value]
    return value


@examples(200)
@given(items)
def test_what_is_written_is_read_as_it_was(item: dict[str, Any]) -> None:
    (found,) = values(ion.written(item))
    assert plain(found) == plain({"M": item})


@examples(100)
@given(st.lists(items, max_size=4))
def test_records_are_read_line_by_line(found: list[dict[str, Any]]) -> None:
    lines = [f"$ion_1_0 {{Item:{ion.written(item)}}}".encode() for item in found]
    read = list(IonReader().read(lines, is_last=True))
    assert [plain(each) for each in read] == [plain(each) for each in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12_000", {"N": "12000"}),
        ("0x1F", {"N": "31"}),
        ("1.", {"N": "1"}),
        ("-2.5d3", {"N": "-2.5E3"}),
        ("1e5", {"N": "1E5"}),
        ("null.string", {"NULL": True}),
        ("note::'two words'::\"text\"", {"S": "text"}),
        ("'''one ''' '''two'''", {"S": "one two"}),
        ('"\\u00e9\\x41\\n"', {"S": "éA\n"}),
        ("{{ AP8= }}", {"B": "AP8="}),
        ("[1, /* a remark */ true,] // the end", {"L": [{"N": "1"}, {"BOOL": True}]}),
        ("{a: 1, 'b c': null, \"d\": []}", {"M": {"a": {"N": "1"}, "b c": {"NULL": True}, "d": {"L": []}}}),
        ("$dynamodb_NS::[1, 2]", {"NS": ["1", "2"]}),
    ],
)
def test_what_others_write_is_read(text: str, expected: dict[str, Any]) -> None:
    assert list(values(text)) == [expected]


@pytest.mark.parametrize(
    "text", ["2024-01-01T", "(a b)", "symbol", '{{"a clob"}}', "{a 1}", "[1", "$dynamodb_SS::[1]", "nan"]
)
def test_what_stands_for_nothing_in_an_item_is_refused(text: str) -> None:
    with pytest.raises(NotIon):
        list(values(text))


def test_a_value_may_go_over_lines_and_a_bad_one_ends_none_but_itself() -> None:
    lines = [b"$ion_1_0", b'{Item: {p: "a', b'b",', b"  n: 1}}", b"{Item: oops}", b"{Other: {}}", b'{Item: {p: "c"}}']
    found = list(IonReader().read(lines, is_last=True))
    assert [each for each in found if not isinstance(each, Malformed)] == [
        {"p": {"S": "a\nb"}, "n": {"N": "1"}},
        {"p": {"S": "c"}},
    ]
    assert len(found) == 4


def test_ion_in_its_binary_encoding_is_refused_by_name() -> None:
    with pytest.raises(NotIon, match="binary"):
        list(Gatherer().texts([b"\xe0\x01\x00\xea..."], is_last=True))
