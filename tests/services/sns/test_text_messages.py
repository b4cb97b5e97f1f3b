"""Text messages' rules: what is a number, and into which parts a text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.sns.text_messages import is_sender_id, phone_number, split, subscribed_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+15550100001", "+15550100001"),
        ("4915112345678", "+4915112345678"),
        ("+01234567", None),
        ("+1234567890123456", None),
        ("+1555-0100", None),
        ("\u0661\u0662\u0663\u0664\u0665\u0666", None),
        ("", None),
    ],
)
def test_a_number_is_one_of_e164(text: str, number: str | None) -> None:
    assert phone_number(text) == number


def test_a_number_that_is_subscribed_may_have_single_separators() -> None:
    assert subscribed_number("+1-555.010/0001") == "+15550100001"
    assert subscribed_number("+1--5550100001") is None
    assert subscribed_number("+15550100001-") is None


@pytest.mark.parametrize(
    ("text", "is_one"), [("MyShop", True), ("A1", True), ("12345", False), ("abcdefghijkl", False)]
)
def test_a_sender_id_has_up_to_eleven_characters_and_a_letter(text: str, is_one: bool) -> None:
    assert is_sender_id(text) is is_one


@pytest.mark.parametrize(
    ("text", "encoding", "sizes"),
    [
        ("a" * 160, "GSM", [160]),
        ("a" * 161, "GSM", [153, 8]),
        ("€" * 80, "GSM", [80]),
        ("€" * 81, "GSM", [76, 5]),
        ("ж" * 70, "UCS-2", [70]),
        ("ж" * 71, "UCS-2", [67, 4]),
        ("😀" * 35, "UCS-2", [35]),
        ("😀" * 36, "UCS-2", [33, 3]),
        ("word " * 40, "GSM", [150, 50]),
    ],
)
def test_a_text_has_as_many_parts_as_its_characters_need(text: str, encoding: str, sizes: list[int]) -> None:
    found = split(text)
    assert (found.encoding, [len(part) for part in found.parts]) == (encoding, sizes)


@examples(200)
@given(st.text(st.characters(codec="utf-8") | st.sampled_from("ab c€"), max_size=500))
def test_the_parts_are_the_text_and_each_fits(text: str) -> None:
    found = split(text)
    assert "".join(found.parts) == text
    if len(found.parts) > 1 and found.encoding == "UCS-2":
        assert all(0 < len(part.encode("utf-16-be")) <= 134 for part in found.parts)
    if len(found.parts) > 1 and found.encoding == "GSM":
        assert all(0 < len(part) <= 153 for part in found.parts)
