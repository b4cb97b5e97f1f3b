"""Points in time, as text and as seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.wire import timestamps

NOON = 1735732800  # 2025-01-01T12:00:00Z

moments = st.integers(timestamps.EARLIEST_S, timestamps.LATEST_S)


@given(moments)
def test_whole_seconds_survive_every_format(second: int) -> None:
    assert timestamps.parse_iso8601(timestamps.format_iso8601(second)) == second
    assert timestamps.parse_iso8601(timestamps.format_iso8601_ms(second)) == second
    assert timestamps.parse_epoch(str(timestamps.format_epoch(second))) == second
    if second > -2_208_988_800:  # years of two digits mean others in mail
        assert timestamps.parse_rfc822(timestamps.format_rfc822(second)) == second


@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_survive_where_there_is_room_for_them(ms: int) -> None:
    assert round(timestamps.parse_iso8601(timestamps.format_iso8601_ms(ms / 1000)) * 1000) == ms
    assert round(timestamps.format_epoch(ms / 1000) * 1000) == ms


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-01T12:00:00Z",
        "2025-01-01T12:00:00.000Z",
        "2025-01-01T12:00:00",
        "2025-01-01T12:00Z",
        "2025-01-01T14:00:00+02:00",
        "2025-01-01T14:00:00+0200",
    ],
)
def test_iso_8601_has_many_forms(text: str) -> None:
    assert timestamps.parse_iso8601(text) == NOON


@pytest.mark.parametrize(
    "text", ["", "soon", "2025", "2025-13-01T00:00:00Z", "2025-01-01 12:00:00", "20250101T120000Z", "2025-W01-1"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        timestamps.parse_iso8601(text)


@pytest.mark.parametrize("text", ["", "soon", "Wed", "Wed, 99 Jan 2025 12:00:00 GMT"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        timestamps.parse_rfc822(text)


@pytest.mark.parametrize("text", ["nan", "inf", "1e30", "-1e30", "", "x"])
def test_what_is_no_number_of_seconds_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        timestamps.parse_epoch(text)


def test_any_form_may_be_guessed() -> None:
    for text in ("2025-01-01T12:00:00Z", "1735732800", "Wed, 01 Jan 2025 12:00:00 GMT"):
        assert timestamps.parse_any(text) == NOON
    with pytest.raises(ValueError, match="not a point in time"):
        timestamps.parse_any("soon")


def test_a_datetime_must_say_its_zone() -> None:
    assert timestamps.epoch(datetime(2025, 1, 1, 12, tzinfo=UTC)) == NOON
    assert (
        timestamps.format_iso8601(datetime(2025, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))))
        == "2025-01-01T12:00:00Z"
    )
    with pytest.raises(TypeError):
        timestamps.epoch(datetime(2025, 1, 1))  # noqa: DTZ001
