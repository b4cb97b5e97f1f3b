"""Schedule expressions: when a rule or a schedule is due next.

`rate(…)` and `cron(…)` as "Creating a scheduled rule" describes them for EventBridge rules, which live in UTC, and with
`at(…)` and time zones as "Schedule types on EventBridge Scheduler" does. No clock in here: moments come and go as epoch
seconds.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from wakeful.wire.errors import AwsError


class InvalidScheduleExpression(AwsError):
    """Parameter ScheduleExpression is not valid."""

    code = "ValidationException"
    status = 400


@dataclass(frozen=True, slots=True)
class Rate:
    """Due every `period_s` seconds."""

    period_s: int

    def next_after(self, moment_s: float, start_s: float | None = None) -> float:
        """The first moment after `moment_s` that is a whole number of periods from `start_s`, and not before it.

        Without a start, the schedule starts at `moment_s`.
        """
        if start_s is None:
            return moment_s + self.period_s
        if moment_s < start_s:
            return start_s
        return start_s + ((moment_s - start_s) // self.period_s + 1) * self.period_s


@dataclass(frozen=True, slots=True)
class At:
    """Due once."""

    moment_s: float

    def next_after(self, moment_s: float, start_s: float | None = None) -> float | None:
        return self.moment_s if self.moment_s > moment_s else None


@dataclass(frozen=True, slots=True)
class Cron:
    """Due at the minutes whose fields are all among these, on the clocks of `zone`.

    Where clocks are put forward, times that do not exist are left out; where they are put back, times that come twice
    count once, the first time.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DaysOfMonth | DaysOfWeek
    months: tuple[int, ...]
    years: tuple[int, ...]
    zone: tzinfo = UTC

    def next_after(self, moment_s: float, start_s: float | None = None) -> float | None:
        """The first due moment after `moment_s`, or None where there is none any more."""
        start = _EPOCH + timedelta(seconds=max(moment_s, 0) // 60 * 60)
        local = start.astimezone(self.zone).replace(tzinfo=None) + timedelta(minutes=1)
        for clock in self._clock_times(local):
            due = clock.replace(tzinfo=self.zone)
            due_s = due.timestamp()
            exists = self.zone is UTC or _at(due_s, self.zone) == clock
            if exists and due_s > moment_s:
                return due_s
        return None

    def _clock_times(self, start: datetime) -> Iterator[datetime]:
        for year in self.years:
            if year < start.year:
                continue
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in self.days.in_month(year, month):
                    if date(year, month, day) >= start.date():
                        yield from self._clock_times_on(date(year, month, day), start)

    def _clock_times_on(self, day: date, start: datetime) -> Iterator[datetime]:
        for hour in self.hours:
            for minute in self.minutes:
                clock = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 -- a clock, in no zone yet
                if clock >= start:
                    yield clock


Schedule = Rate | Cron | At


def parse_schedule(text: str) -> Rate | Cron:
    """The schedule of an EventBridge rule. Raises InvalidScheduleExpression as PutRule does."""
    if hit := _RATE.fullmatch(text):
        value, unit = int(hit[1]), hit[2]
        is_plural = unit.endswith("s")
        if 1 <= value <= _RATE_MAX and is_plural == (value > 1):
            return Rate(value * _UNITS_S[unit.removesuffix("s")])
    elif hit := _CRON.fullmatch(text):
        found = _cron(hit[1], UTC, field_counts=(6,))
        if found is not None:
            return found
    raise InvalidScheduleExpression


def parse_scheduler_expression(text: str, zone: str = "UTC") -> Schedule:
    """The schedule of EventBridge Scheduler, on the clocks of `zone`. Raises InvalidScheduleExpression.

    Unlike rules, Scheduler takes keywords in any case, does not mind singular and plural, and a cron without a year.
    """
    place = _zone(zone)
    keyword, _, body = text.partition("(")
    found: Schedule | None = None
    if body.endswith(")"):
        body = body[:-1]
        match keyword.lower():
            case "rate":
                found = _scheduler_rate(body)
            case "cron":
                found = _cron(body, place, field_counts=(5, 6))
            case "at":
                found = _at_expression(body, place)
    if found is None:
        raise InvalidScheduleExpression(f"Invalid Schedule Expression {text}.")
    return found


# --- rate and at ------------------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_S = {"minute": 60, "hour": 3600, "day": 86400}
_RATE_MAX = 2**31 - 1
_RATE = re.compile(r"rate\(([0-9]{1,10})\s+((?:minute|hour|day)s?)\)")
_SCHEDULER_RATE = re.compile(r"([0-9]{1,10})\s*((?:minute|hour|day)s?)", re.IGNORECASE)
_AT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")


def _scheduler_rate(body: str) -> Rate | None:
    hit = _SCHEDULER_RATE.fullmatch(body)
    if hit is None or not 1 <= int(hit[1]) <= _RATE_MAX:
        return None
    return Rate(int(hit[1]) * _UNITS_S[hit[2].lower().removesuffix("s")])


def _at_expression(body: str, zone: tzinfo) -> At | None:
    hit = _AT.fullmatch(body)
    if hit is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in hit.groups())
    try:
        # A time that the clocks leave out is taken as far behind the gap as it would have been.
        return At(datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp())
    except ValueError:
        return None


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidScheduleExpression(f"Invalid Schedule Expression Timezone {name}.") from None


def _at(moment_s: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(moment_s, zone).replace(tzinfo=None)


# --- cron -------------------------------------------------------------------------------------------------------------

_CRON = re.compile(r"cron\((.*)\)", re.DOTALL)
_MONTHS = tuple("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split())  # noqa: SIM905 -- reads like a calendar
_WEEKDAYS = tuple("SUN MON TUE WED THU FRI SAT".split())  # noqa: SIM905
_YEARS = (1970, 2199)
_YEAR_MAX = 9999  # PutRule takes years beyond the documented ones
_WEEKDAY_OF_LAST = re.compile(r"([1-7]|[A-Z]{3})L")
_WEEKDAY_OF_COUNT = re.compile(r"([1-7]|[A-Z]{3})#([1-5])")
_NEAREST_WEEKDAY = re.compile(r"([0-9]{1,2})W")
_SPAN = re.compile(r"(?:\*|([0-9]{1,4}|[A-Z]{3})(?:-([0-9]{1,4}|[A-Z]{3}))?)(?:/([0-9]{1,4}))?")


@dataclass(frozen=True, slots=True)
class DaysOfMonth:
    """`plain` days, those `nearest` to a day that fall on Monday to Friday, and the last of the month or of these."""

    plain: frozenset[int]
    nearest: frozenset[int] = frozenset()
    has_last: bool = False
    has_last_weekday: bool = False

    def in_month(self, year: int, month: int) -> list[int]:
        first_weekday, last = monthrange(year, month)
        found = {day for day in self.plain if day <= last}
        found.update(_nearest_weekday(day, first_weekday, last) for day in self.nearest if day <= last)
        if self.has_last:
            found.add(last)
        if self.has_last_weekday:
            found.add(last - max((first_weekday + last - 1) % 7 - 4, 0))
        return sorted(found)


@dataclass(frozen=True, slots=True)
class DaysOfWeek:
    """`plain` weekdays (Sunday is 1), the `last` of a kind in the month, and the n-th of a kind (`counted`)."""

    plain: frozenset[int]
    last: frozenset[int] = frozenset()
    counted: frozenset[tuple[int, int]] = frozenset()

    def in_month(self, year: int, month: int) -> list[int]:
        first_weekday, last_day = monthrange(year, month)
        found = []
        for day in range(1, last_day + 1):
            weekday = (first_weekday + day) % 7 + 1
            is_last = weekday in self.last and day + 7 > last_day
            if weekday in self.plain or is_last or (weekday, (day + 6) // 7) in self.counted:
                found.append(day)
        return found


def _nearest_weekday(day: int, first_weekday: int, last: int) -> int:
    """The day of the same month nearest to `day` that is not on a weekend."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def _cron(body: str, zone: tzinfo, field_counts: tuple[int, ...]) -> Cron | None:
    fields = body.upper().split()
    if len(fields) not in field_counts:
        return None
    minute, hour, day_of_month, month, day_of_week, year = [*fields, "*"][:6]
    if (day_of_month == "?") == (day_of_week == "?"):
        return None
    try:
        days = _days_of_month(day_of_month) if day_of_week == "?" else _days_of_week(day_of_week)
        return Cron(
            minutes=tuple(sorted(_values(minute, 0, 59))),
            hours=tuple(sorted(_values(hour, 0, 23))),
            days=days,
            months=tuple(sorted(_values(month, 1, 12, _MONTHS))),
            years=tuple(sorted(_values(year, *_YEARS, value_max=_YEAR_MAX))),
            zone=zone,
        )
    except ValueError:
        return None


def _days_of_month(field: str) -> DaysOfMonth:
    plain: set[int] = set()
    nearest: set[int] = set()
    for item in field.split(","):
        if hit := _NEAREST_WEEKDAY.fullmatch(item):
            nearest.add(_value(hit[1], 1, 31))
        elif item not in ("L", "LW"):
            plain |= _values(item, 1, 31)
    items = field.split(",")
    return DaysOfMonth(frozenset(plain), frozenset(nearest), "L" in items, "LW" in items)


def _days_of_week(field: str) -> DaysOfWeek:
    plain: set[int] = set()
    last: set[int] = set()
    if hit := _WEEKDAY_OF_COUNT.fullmatch(field):  # stands alone: "3#1,6#3" is two expressions, and not valid
        return DaysOfWeek(frozenset(), counted=frozenset([(_value(hit[1], 1, 7, _WEEKDAYS), int(hit[2]))]))
    for item in field.split(","):
        if item == "L":
            plain.add(7)
        elif hit := _WEEKDAY_OF_LAST.fullmatch(item):
            last.add(_value(hit[1], 1, 7, _WEEKDAYS))
        else:
            plain |= _values(item, 1, 7, _WEEKDAYS)
    return DaysOfWeek(frozenset(plain), frozenset(last))


def _values(field: str, low: int, high: int, names: tuple[str, ...] = (), value_max: int | None = None) -> set[int]:
    """What a list of values, ranges and increments stands for. Raises ValueError."""
    found: set[int] = set()
    most = value_max or high
    for item in field.split(","):
        hit = _SPAN.fullmatch(item)
        if hit is None:
            raise ValueError(item)
        first, last, step = hit.groups()
        start = low if first is None else _value(first, low, most, names)
        if last is not None:
            end = _value(last, low, most, names)
        else:
            end = high if first is None or step is not None else start
        # A range may run over the end: 20-2 are the hours from eight in the evening until two.
        span = list(range(start, end + 1)) if start <= end else [*range(start, high + 1), *range(low, end + 1)]
        increment = int(step) if step is not None else 1
        if increment < 1:
            raise ValueError(item)
        found.update(span[::increment])
    return found


def _value(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> int:
    value = names.index(text) + low if text in names else int(text)
    if not low <= value <= high:
        raise ValueError(text)
    return value
