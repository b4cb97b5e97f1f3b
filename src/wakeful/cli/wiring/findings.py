"""What was found in a wiring: what bites, whom, what then happens, and what helps."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wakeful.cli.wiring.model import Wiring

Severity = Literal["error", "warning", "advice"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "advice")
"""Something is lost or does not work; something will be when it is tried hard; something could be better."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a check found something. `what` is a sentence with the numbers that were seen."""

    arn: str
    what: str
    do: str


Examination = Callable[[Wiring], Iterable[Hit]]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked for. `page` is the title of AWS's page that says why."""

    code: str
    name: str
    severity: Severity
    why: str
    page: str
    examine: Examination


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that found something."""

    check: Check
    hit: Hit

    def as_json(self) -> dict[str, str]:
        return {
            "code": self.check.code,
            "name": self.check.name,
            "severity": self.check.severity,
            "arn": self.hit.arn,
            "what": self.hit.what,
            "do": self.hit.do,
            "page": self.check.page,
        }


def examine(
    wiring: Wiring, checks: Sequence[Check], only: Collection[str] = (), ignore: Collection[str] = ()
) -> list[Finding]:
    """What the checks find, the worst first. `only` and `ignore` name codes, or their beginnings such as W4."""
    asked = [
        check
        for check in checks
        if (not only or check.code.startswith(tuple(only))) and not check.code.startswith(tuple(ignore))
    ]
    found = [Finding(check, hit) for check in asked for hit in check.examine(wiring)]
    return sorted(found, key=lambda each: (SEVERITIES.index(each.check.severity), each.check.code, each.hit.arn))


def command(operation: str, **options: Any) -> str:
    """A line for a shell: `aws`, the operation, its options; what is no text is JSON."""
    words = ["aws", *operation.split()]
    for name, value in options.items():
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(str(value) if isinstance(value, str | int) else compact(value))
    return " ".join(map(shlex.quote, words))


def compact(value: Any) -> str:
    """As JSON, without a space that is not needed."""
    return json.dumps(value, separators=(",", ":"))


def duration(seconds: float) -> str:
    """Such as 30 s, 90 min, 12 h or 14 days."""
    for unit, name in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= unit * (1 if unit > 60 and seconds % unit == 0 else 2):
            amount = f"{seconds / unit:.1f}".removesuffix(".0")
            return "1 day" if (amount, name) == ("1", "days") else f"{amount} {name}"
    return f"{seconds:g} s"


def counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Iterable[str], most: int = 3) -> str:
    """Some names and how many more there are."""
    known = sorted(set(names))
    shown = known[:most]
    rest = len(known) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
