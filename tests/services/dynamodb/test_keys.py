"""Keys as bytes: in the order of the values, for every value there is, and nothing of them lost."""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.services.dynamodb.test_decimals import held
from wakeful.services.dynamodb import keys
from wakeful.services.dynamodb.keys import Attribute, KeySchema

texts = st.text(st.sampled_from("\x00\x01ab\xff\u0100\U0001f600"), max_size=5) | st.text(max_size=20)
binaries = st.binary(max_size=6) | st.lists(st.sampled_from((0, 1, 254, 255)), max_size=5).map(bytes)


def read_number(encoded: bytes) -> Decimal:
    """What `keys.number` was given: a model of the encoding, the other way round."""
    if encoded == b"\x80":
        return Decimal(0)
    is_negative = encoded[0] == 0x40
    magnitude = bytes(255 - byte for byte in encoded[1:]) if is_negative else encoded[1:]
    assert magnitude[-1] == 0
    figures = "".join(f"{byte - 1:02x}" for byte in magnitude[1:-1])
    return Decimal((int(is_negative), tuple(map(int, figures)), magnitude[0] - 130 - len(figures) + 1))


@given(number=held())
@examples(500)
def test_every_number_comes_back(number: Decimal) -> None:
    assert read_number(keys.number(f"{number:f}")) == number


@given(one=held(), other=held(), is_near=st.booleans())
@examples(500)
def test_numbers_are_in_order(one: Decimal, other: Decimal, is_near: bool) -> None:
    if is_near and one:  # two of the same magnitude, or nearly
        other = one.scaleb(1) if one.adjusted() < 125 else -one
    assert (keys.number(f"{one:f}") < keys.number(f"{other:f}")) == (one < other)


@given(one=texts, other=texts)
@examples(500)
def test_strings_are_in_the_order_of_their_bytes(one: str, other: str) -> None:
    assert (keys.encode("S", one) < keys.encode("S", other)) == (one.encode() < other.encode())
    assert keys.encode("S", one).startswith(keys.prefix("S", other)) == one.encode().startswith(other.encode())


@given(one=binaries, other=binaries)
@examples(500)
def test_binaries_are_in_the_order_of_their_bytes(one: bytes, other: bytes) -> None:
    first, second = b64encode(one).decode(), b64encode(other).decode()
    assert (keys.encode("B", first) < keys.encode("B", second)) == (one < other)


@st.composite
def values(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "S": draw(texts),
        "N": f"{draw(held()):f}",
        "B": b64encode(draw(binaries)).decode(),
    }


@given(one=values(), other=values(), kinds=st.permutations("SNB"))
@examples(300)
def test_no_key_is_the_beginning_of_another(one: dict[str, Any], other: dict[str, Any], kinds: list[str]) -> None:
    schema = KeySchema((Attribute("a", kinds[0]),), (Attribute("b", kinds[1]), Attribute("c", kinds[2])))
    first, second = (
        schema.of({name: {kind: each[kind]} for name, kind in zip("abc", kinds, strict=True)}) for each in (one, other)
    )
    assert (first == second) == all(
        Decimal(one[kind]) == Decimal(other[kind]) if kind == "N" else one[kind] == other[kind] for kind in kinds
    )
    assert first == second or not (first.startswith(second) or second.startswith(first))


@given(partition=texts, sort=texts)
@examples(100)
def test_an_items_key_lies_within_its_partition_and_segment(partition: str, sort: str) -> None:
    schema = KeySchema((Attribute("p", "S"),), (Attribute("s", "S"),))
    item = {"p": {"S": partition}, "s": {"S": sort}}
    beginning = schema.partition_of(item)
    assert beginning <= schema.of(item) < keys.after(beginning)
    within = [low <= schema.of(item) < high for low, high in (keys.segment(at, 7) for at in range(7))]
    assert sum(within) == 1
