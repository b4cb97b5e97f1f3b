"""Keys: their length, their order, their look."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.services.s3 import keys
from wakeful.services.s3.errors import KeyTooLongError


def test_a_key_of_1024_bytes_is_taken_and_one_of_1025_is_not() -> None:
    assert len(keys.to_bytes("ü" * 512)) == 1024
    with pytest.raises(KeyTooLongError) as refused:
        keys.to_bytes("ü" * 512 + "x")
    assert refused.value.members == {"Size": 1025, "MaxSizeAllowed": 1024}


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_what_comes_after_a_prefix_is_greater_than_all_that_begins_with_it_and_nothing_else(
    prefix: bytes, other: bytes
) -> None:
    after = keys.after(prefix)
    if after is None:
        assert prefix.strip(b"\xff") == b""
    elif other.startswith(prefix):
        assert prefix <= other < after
    else:
        assert other < prefix or other >= after


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("a b/c.txt", "a+b/c.txt"),
        ("a+b", "a%2Bb"),
        ("a@b", "a%40b"),
        ("dt=2020/ü", "dt%3D2020/%C3%BC"),
        ("test_file(3).png", "test_file%283%29.png"),
    ],
)
def test_a_key_is_encoded_as_events_and_listings_show_it(key: str, encoded: str) -> None:
    assert keys.encoded(key) == encoded
