"""Records of Kinesis as they are shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.kinesis import records


@examples(50)
@given(st.floats(1.6e9, 2e9))
def test_who_asks_from_the_moment_that_a_record_shows_gets_the_record(at: float) -> None:
    shown = records.arrival(at)
    assert (shown <= at, at - shown < 0.0011, round(shown, 3)) == (True, True, shown)
