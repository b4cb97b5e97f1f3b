"""Forms, query strings, and the trees in them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.wire.errors import MalformedInput
from wakeful.wire.forms import decoded, read_form, read_query, tree_of

pairs = st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=6)


@given(pairs)
def test_a_query_string_is_read_as_the_standard_library_reads_it(fields: list[tuple[str, str]]) -> None:
    text = urlencode(fields)
    expected: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        expected.setdefault(name, []).append(value)
    assert read_query(text) == expected
    assert read_form(text.encode()) == {name: values[-1] for name, values in expected.items()}


def test_a_parameter_may_have_no_value_and_none_may_have_a_name() -> None:
    assert read_query("acl") == {"acl": [""]}
    assert read_query("a=1&&a=2&=3") == {"a": ["1", "2"], "": ["3"]}
    assert read_query("") == {}


def test_a_segment_of_a_path_keeps_its_plus() -> None:
    assert decoded("a+b%2B%20c") == "a+b+ c"
    with pytest.raises(UnicodeDecodeError):
        decoded("%FF")


def test_dots_make_a_tree() -> None:
    assert tree_of({"A": "1", "B.member.1.C": "2", "B.member.2.C": "3"}) == {
        "A": "1",
        "B": {"member": {"1": {"C": "2"}, "2": {"C": "3"}}},
    }


@pytest.mark.parametrize("form", [{"A": "1", "A.B": "2"}, {"A.B": "2", "A": "1"}, {"A.B.C": "1", "A.B": "2"}])
def test_nothing_is_both_a_value_and_a_structure(form: dict[str, str]) -> None:
    with pytest.raises(MalformedInput):
        tree_of(form)
