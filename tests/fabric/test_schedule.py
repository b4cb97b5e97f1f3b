"""When schedules are due: AWS's examples, and a model that looks at every minute."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.fabric.schedule import (
    At,
    InvalidScheduleExpression,
    Rate,
    Schedule,
    parse_schedule,
    parse_scheduler_expression,
)


def moment(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def due(schedule: Schedule, after: str, count: int = 1, zone: str = "UTC") -> list[str]:
    """The next due times as clocks in the zone show them."""
    found = []
    at: float | None = moment(after, zone)
    for _ in range(count):
        assert at is not None
        at = schedule.next_after(at)
        if at is None:
            break
        found.append(datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M"))
    return found


def cron(body: str, after: str, count: int = 1) -> list[str]:
    return due(parse_schedule(f"cron({body})"), after, count)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("0 10 * * ? *", ["2026-11-20 10:00", "2026-11-21 10:00"]),
        ("15 12 * * ? *", ["2026-11-20 12:15", "2026-11-21 12:15"]),
        ("0 18 ? * MON-FRI *", ["2026-11-20 18:00", "2026-11-23 18:00"]),
        ("0 8 1 * ? *", ["2026-12-01 08:00", "2027-01-01 08:00"]),
        ("0/15 * * * ? *", ["2026-11-20 00:15", "2026-11-20 00:30"]),
        ("0/10 * ? * MON-FRI *", ["2026-11-20 00:10", "2026-11-20 00:20"]),
        ("0/5 8-17 ? * MON-FRI *", ["2026-11-20 08:00", "2026-11-20 08:05"]),
        ("0/30 20-2 ? * MON-FRI *", ["2026-11-20 00:30", "2026-11-20 01:00"]),
        ("5,35 14 * * ? *", ["2026-11-20 14:05", "2026-11-20 14:35"]),
        ("15 10 ? * 6L 2026-2027", ["2026-11-27 10:15", "2026-12-25 10:15"]),
        ("0 0 L * ? *", ["2026-11-30 00:00", "2026-12-31 00:00"]),
        ("0 0 LW * ? *", ["2026-11-30 00:00", "2026-12-31 00:00"]),
        ("0 0 15W * ? *", ["2026-12-15 00:00", "2027-01-15 00:00"]),
        ("0 0 1W 5,8 ? 2027", ["2027-05-03 00:00", "2027-08-02 00:00"]),
        ("0 0 31W 1 ? 2027,2032", ["2027-01-29 00:00", "2032-01-30 00:00"]),
        ("0 0 ? * 6#3 *", ["2026-12-18 00:00", "2027-01-15 00:00"]),
        ("0 0 ? * FRI#5 *", ["2027-01-29 00:00", "2027-04-30 00:00"]),
        ("0 0 ? * L *", ["2026-11-21 00:00", "2026-11-28 00:00"]),
        ("0 0 ? * 1 *", ["2026-11-22 00:00", "2026-11-29 00:00"]),
        ("0 0 ? * sat-sun *", ["2026-11-21 00:00", "2026-11-22 00:00"]),
        ("0 0 29 FEB ? *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 1 NOV-FEB/2 ? *", ["2027-01-01 00:00", "2027-11-01 00:00"]),
        ("1/10 0 * * ? *", ["2026-11-20 00:01", "2026-11-20 00:11"]),
        ("0 20 * * ? 2500", ["2500-01-01 20:00", "2500-01-02 20:00"]),
        ("0 0 1 1 ? 2026", []),
        ("0 0 31 2 ? *", []),
    ],
)
def test_what_cron_expressions_mean(body: str, expected: list[str]) -> None:
    assert cron(body, "2026-11-20T00:00:00", len(expected) or 1) == expected


def test_a_cron_is_due_after_the_moment_and_on_the_minute() -> None:
    schedule = parse_schedule("cron(* * * * ? *)")
    assert schedule.next_after(60.0) == 120.0
    assert schedule.next_after(59.999) == 60.0
    assert schedule.next_after(-5000.0) == 60.0


def test_rates() -> None:
    assert parse_schedule("rate(1 minute)") == Rate(60)
    assert parse_schedule("rate(5 minutes)") == Rate(300)
    assert parse_schedule("rate(1 hour)") == Rate(3600)
    assert parse_schedule("rate(7 days)") == Rate(7 * 86400)
    assert Rate(60).next_after(1000.5) == 1060.5


@given(st.integers(1, 10_000), st.integers(0, 10**9), st.integers(-(10**5), 10**7))
def test_a_rate_keeps_its_pace_from_the_start(period: int, start: int, later: int) -> None:
    found = Rate(period).next_after(start + later, start)
    assert found > start + later
    assert (found - start) % period == 0
    assert found == start if later < 0 else found - (start + later) <= period


@pytest.mark.parametrize(
    "text",
    [
        "rate(10 seconds)",
        "rate(10 years)",
        "rate(1 minutes)",
        "rate(1 hours)",
        "rate(1 days)",
        "rate(10 minute)",
        "rate(10 hour)",
        "rate(10 day)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(0 minutes)",
        "rate(-10 minutes)",
        "rate(10 MINUTES)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "rate(10minutes)",
        "rate(9999999999 minutes)",
        "",
        "every day",
        "at(2026-11-20T13:00:00)",
        "cron(0 12 * * ? *",
        "cron()",
        "cron(0 12 * * ?)",
        "cron(0 12 * * ? * *)",
        "cron(0 12 * * * *)",
        "cron(0 12 ? * ? *)",
        "cron(0 12 1 * MON *)",
        "cron(60 12 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 12 0 * ? *)",
        "cron(0 12 32 * ? *)",
        "cron(0 12 * 13 ? *)",
        "cron(0 12 * MAI ? *)",
        "cron(0 12 ? * 8 *)",
        "cron(0 12 ? * 0 *)",
        "cron(0 12 ? * 3#6 *)",
        "cron(0 12 ? * 3#1,6#3 *)",
        "cron(0 12 1#1 * ? *)",
        "cron(0/0 12 * * ? *)",
        "cron(? 12 * * ? *)",
        "cron(0 12 * ? ? *)",
        "cron(0 12 W * ? *)",
        "cron(0 12 40W * ? *)",
        "cron(0 12 * * ? 1969)",
        "cron(1,,2 12 * * ? *)",
        "cron(1- 12 * * ? *)",
        "cron(a 12 * * ? *)",
    ],
)
def test_what_put_rule_refuses(text: str) -> None:
    with pytest.raises(InvalidScheduleExpression) as caught:
        parse_schedule(text)
    assert caught.value.message == "Parameter ScheduleExpression is not valid."
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)


def test_scheduler_takes_more() -> None:
    assert parse_scheduler_expression("RATE(1 minutes)") == Rate(60)
    assert parse_scheduler_expression("rate(5 hour)") == Rate(5 * 3600)
    assert due(parse_scheduler_expression("cron(0 12 * * ?)"), "2026-11-20T00:00:00") == ["2026-11-20 12:00"]
    once = parse_scheduler_expression("at(2026-11-20T13:00:00)", "Europe/Berlin")
    assert once == At(moment("2026-11-20T12:00:00"))
    assert once.next_after(0.0) == moment("2026-11-20T12:00:00")
    assert once.next_after(moment("2026-11-20T12:00:00")) is None
    assert parse_scheduler_expression("AT(2026-11-20T13:00)") == At(moment("2026-11-20T13:00:00"))


@pytest.mark.parametrize(
    "text",
    [
        "rate(0 minutes)",
        "rate(1 week)",
        "at(2026-11-20T13:00:00Z)",
        "at(2026-11-20 13:00)",
        "at(2026-02-30T00:00)",
        "at(2026-11-20T13:00:00",
        "cron(0 12 * *)",
        "cron(0 12 * * *)",
        "once",
    ],
)
def test_what_scheduler_refuses(text: str) -> None:
    with pytest.raises(InvalidScheduleExpression) as caught:
        parse_scheduler_expression(text)
    assert caught.value.message == f"Invalid Schedule Expression {text}."


def test_scheduler_refuses_zones_that_do_not_exist() -> None:
    for zone in ("Mars/Olympus", "", "../etc/passwd"):
        with pytest.raises(InvalidScheduleExpression):
            parse_scheduler_expression("rate(1 minute)", zone)


def test_clocks_put_forward_leave_times_out() -> None:
    daily = parse_scheduler_expression("cron(30 2 * * ? *)", "America/New_York")
    assert due(daily, "2026-03-07T00:00:00", 3, "America/New_York") == [
        "2026-03-07 02:30",
        "2026-03-09 02:30",
        "2026-03-10 02:30",
    ]
    hourly = parse_scheduler_expression("cron(0 * * * ? *)", "America/New_York")
    assert due(hourly, "2026-03-08T00:30:00", 3, "America/New_York") == [
        "2026-03-08 01:00",
        "2026-03-08 03:00",
        "2026-03-08 04:00",
    ]


def test_clocks_put_back_do_not_repeat_times() -> None:
    daily = parse_scheduler_expression("cron(30 1 * * ? *)", "America/New_York")
    first = daily.next_after(moment("2026-11-01T00:00:00", "America/New_York"))
    assert first is not None
    second = daily.next_after(first)
    assert first == moment("2026-11-01T05:30:00")
    assert second == moment("2026-11-02T06:30:00")
    assert daily.next_after(moment("2026-11-01T06:10:00")) == second, "in the repeated hour"


def test_a_day_is_24_hours_whatever_the_clocks_do() -> None:
    daily = parse_scheduler_expression("rate(1 days)", "America/New_York")
    assert daily.next_after(0.0) == 86400.0


# --- every minute -----------------------------------------------------------------------------------------------------

WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


def is_in(field: str, value: int, low: int, high: int, names: list[str]) -> bool:
    """Whether a list of values, ranges and increments includes the value, read as the documentation has it."""

    def number(text: str) -> int:
        return names.index(text) + low if text in names else int(text)

    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start = low if first == "*" else number(first)
        end = number(last) if last else (high if step or first == "*" else start)
        size = high - low + 1
        offset = (value - start) % size
        if offset <= (end - start) % size and (value >= start or end < start) and offset % int(step or 1) == 0:
            return True
    return False


def is_on_day_of_month(field: str, clock: datetime) -> bool:
    last = monthrange(clock.year, clock.month)[1]
    for item in field.split(","):
        if item == "L" and clock.day == last:
            return True
        if (
            item == "LW"
            and clock.weekday() < 5
            and all(clock.replace(day=day).weekday() > 4 for day in range(clock.day + 1, last + 1))
        ):
            return True
        if item.endswith("W") and item != "LW":
            wanted = int(item[:-1])
            weekdays = [day for day in range(1, last + 1) if clock.replace(day=day).weekday() < 5]
            nearest = min(weekdays, key=lambda day: (abs(day - wanted), day))
            if wanted <= last and clock.day == nearest:
                return True
        elif not item.startswith("L") and is_in(item, clock.day, 1, 31, []):
            return True
    return False


def is_on_day_of_week(field: str, clock: datetime) -> bool:
    weekday = clock.isoweekday() % 7 + 1
    if "#" in field:
        name, _, count = field.partition("#")
        wanted = WEEKDAYS.index(name) + 1 if name in WEEKDAYS else int(name)
        return weekday == wanted and (clock.day - 1) // 7 + 1 == int(count)
    for item in field.split(","):
        if item == "L" and weekday == 7:
            return True
        if item.endswith("L") and len(item) > 1:
            wanted = WEEKDAYS.index(item[:-1]) + 1 if item[:-1] in WEEKDAYS else int(item[:-1])
            if weekday == wanted and (clock + timedelta(days=7)).month != clock.month:
                return True
        elif item != "L" and is_in(item, weekday, 1, 7, WEEKDAYS):
            return True
    return False


def is_due(body: str, clock: datetime) -> bool:
    minute, hour, day, month, weekday, year = body.split()
    return (
        is_in(minute, clock.minute, 0, 59, [])
        and is_in(hour, clock.hour, 0, 23, [])
        and is_in(month, clock.month, 1, 12, MONTHS)
        and is_in(year, clock.year, 1970, 2199, [])
        and (day == "?" or is_on_day_of_month(day, clock))
        and (weekday == "?" or is_on_day_of_week(weekday, clock))
    )


def spans(low: int, high: int, names: list[str]) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high).map(str)
    values = numbers | st.sampled_from(names) if names else numbers
    steps = st.integers(1, high).map(str)
    item = (
        values
        | st.builds("{}-{}".format, values, values)
        | st.builds("{}/{}".format, values | st.just("*"), steps)
        | st.builds("{}-{}/{}".format, values, values, steps)
    )
    return st.just("*") | st.lists(item, min_size=1, max_size=3).map(",".join)


DAYS_OF_MONTH = spans(1, 31, []) | st.lists(
    st.sampled_from(["L", "LW", "1W", "15W", "31W", "30W", "7"]), min_size=1, max_size=2
).map(",".join)
DAYS_OF_WEEK = (
    spans(1, 7, WEEKDAYS)
    | st.lists(st.sampled_from(["L", "6L", "SUNL", "2"]), min_size=1, max_size=2).map(",".join)
    | st.builds("{}#{}".format, st.integers(1, 7).map(str) | st.sampled_from(WEEKDAYS), st.integers(1, 5))
)
DAYS = st.builds("{} {{}} ?".format, DAYS_OF_MONTH) | st.builds("? {{}} {}".format, DAYS_OF_WEEK)


STARTS = st.integers(int(moment("2024-01-01")), int(moment("2030-01-01"))).map(lambda s: datetime.fromtimestamp(s, UTC))


def first_due(body: str, after: datetime, step: timedelta, count: int, zone: str) -> datetime | None:
    """Looks at every step: the first at which clocks in the zone show a due time, not for the second time."""
    place = ZoneInfo(zone)
    at = after
    for _ in range(count):
        at += step
        clock = at.astimezone(place)
        if clock.fold == 0 and is_due(body, clock.replace(tzinfo=None)):
            return at
    return None


@examples(150)
@given(spans(0, 59, []), spans(0, 23, []), DAYS, STARTS)
def test_every_minute_of_two_days(minute: str, hour: str, days: str, start: datetime) -> None:
    body = f"{minute} {hour} {days.format('*')} *"
    after = start.replace(second=0)
    expected = first_due(body, after, timedelta(minutes=1), 2 * 1440, "UTC")
    found = parse_schedule(f"cron({body})").next_after(after.timestamp())
    if expected is not None:
        assert found == expected.timestamp()
    else:
        assert found is None or found > after.timestamp() + 2 * 86400


@examples(150)
@given(DAYS, spans(1, 12, MONTHS), spans(2024, 2030, []), STARTS)
def test_every_day_of_three_years(days: str, month: str, year: str, start: datetime) -> None:
    body = f"0 0 {days.format(month)} {year}"
    after = start.replace(hour=0, minute=0, second=0)
    expected = first_due(body, after, timedelta(days=1), 3 * 366, "UTC")
    found = parse_schedule(f"cron({body})").next_after(after.timestamp())
    if expected is not None:
        assert found == expected.timestamp()
    else:
        assert found is None or found > after.timestamp() + 3 * 366 * 86400


CHANGES = st.sampled_from(
    [
        ("America/New_York", datetime(2026, 3, 8, 5, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 12, tzinfo=UTC)),
        ("Pacific/Apia", datetime(2011, 12, 29, 20, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 5, 5, tzinfo=UTC)),
    ]
)


@examples(120)
@given(spans(0, 59, []), spans(0, 23, []), CHANGES, st.integers(0, 8 * 60))
def test_every_minute_around_a_change_of_clocks(
    minute: str, hour: str, change: tuple[str, datetime], offset: int
) -> None:
    zone, start = change
    body = f"{minute} {hour} * * ? *"
    after = start + timedelta(minutes=offset)
    expected = first_due(body, after, timedelta(minutes=1), 2 * 1440, zone)
    found = parse_scheduler_expression(f"cron({body})", zone).next_after(after.timestamp())
    if expected is not None:
        assert found == expected.timestamp()
    else:
        assert found is None or found > after.timestamp() + 2 * 86400
