"""Points in time as the wire has them. Above the wire a point in time is a number: seconds since 1970, UTC.

`tx.now` and the rows count in the same unit, so nothing has to be converted, and no time zone can be forgotten.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime

Seconds = float | int

LATEST_S = 253_402_300_799  # the last second of the year 9999: later ones have no ISO 8601 form of four-digit years
EARLIEST_S = -62_135_596_800  # the first second of the year 1

_ISO8601 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?|\d{4}-\d\d-\d\d", re.ASCII)


def parse_iso8601(text: str) -> Seconds:
    """Raises ValueError. A time without a zone is UTC."""
    if not _ISO8601.fullmatch(text):
        raise ValueError(f"not an ISO 8601 time: {text}")
    moment = datetime.fromisoformat(text)
    return _seconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def parse_rfc822(text: str) -> Seconds:
    """A date as HTTP headers have it. Raises ValueError."""
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, IndexError, OverflowError) as error:  # what the standard library lets through for odd input
        raise ValueError(f"not an RFC 822 date: {text}") from error
    return _seconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def parse_epoch(text: str) -> Seconds:
    """Raises ValueError."""
    value = float(text)
    if not EARLIEST_S <= value <= LATEST_S:  # also false for a NaN
        raise ValueError(f"out of range: {text}")
    return int(value) if value.is_integer() else value


def parse_any(text: str) -> Seconds:
    """For readers that are kinder than the model. Raises ValueError."""
    for parse in (parse_iso8601, parse_epoch, parse_rfc822):
        try:
            return parse(text)
        except ValueError:
            continue
    raise ValueError(f"not a point in time: {text}")


def format_iso8601(value: Seconds | datetime) -> str:
    """To the second, as IAM, STS and SNS write it; a fraction is cut off."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(math.floor(epoch(value)))).rjust(20, "0")


def format_iso8601_ms(value: Seconds | datetime) -> str:
    """To the millisecond, as S3 writes it."""
    whole, ms = divmod(round(epoch(value) * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole)).rjust(19, '0')}.{ms:03d}Z"


def format_rfc822(value: Seconds | datetime) -> str:
    return formatdate(math.floor(epoch(value)), usegmt=True)


def format_epoch(value: Seconds | datetime) -> Seconds:
    """To the millisecond; more digits would be noise of the floating point."""
    return round(epoch(value), 3)


def epoch(value: Seconds | datetime) -> Seconds:
    """What a handler may give for a point in time, as seconds. A datetime must say its zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("a datetime without a time zone is no point in time")
        return value.timestamp()
    return value


PARSE: dict[str, Callable[[str], Seconds]] = {
    "iso8601": parse_iso8601,
    "rfc822": parse_rfc822,
    "unixtimestamp": parse_epoch,
}


def _seconds(moment: datetime) -> Seconds:
    value = moment.timestamp()
    return int(value) if value.is_integer() else value
