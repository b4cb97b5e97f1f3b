"""Findings for a terminal, and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from wakeful.cli.wiring.findings import SEVERITIES, Finding, counted
from wakeful.cli.wiring.model import Wiring

WIDTH = 120
"""As wide as it becomes, however wide the terminal is."""


def heading(wiring: Wiring) -> str:
    """What there is."""
    counts = (
        counted(len(wiring.functions), "function"),
        counted(len(wiring.queues), "queue"),
        counted(len(wiring.topics), "topic"),
        counted(len(wiring.rules), "rule"),
        counted(len(wiring.buckets), "bucket"),
        counted(len(wiring.tables), "table"),
        counted(len(wiring.streams), "data stream"),
        counted(len(wiring.mappings), "mapping"),
    )
    return ", ".join(counts)


def lines(wiring: Wiring, found: Sequence[Finding], width: int = WIDTH) -> Iterator[str]:
    """What there is; each check that found something, with all that it found; and how many of each severity.

    Sentences are at most so wide; commands stay on one line, to be pasted.
    """
    yield f"  ok    {heading(wiring)} in {wiring.region} of account {wiring.account}"
    for kind, why in sorted(wiring.unread.items()):
        yield f"  note  {kind} could not all be read ({why}): what hangs on them is not examined"
    for check, findings in groupby(found, key=lambda each: each.check):
        yield ""
        yield f"  {check.code}  {check.severity}  {check.name}"
        yield from _wrapped(f"{check.why} See “{check.page}”.", "  ", width)
        for finding in findings:
            yield f"    {finding.hit.arn}"
            yield from _wrapped(finding.hit.what, "      ", width)
            yield f"      → {finding.hit.do}"
    yield ""
    yield f"  {totals(found)}"


def totals(found: Sequence[Finding]) -> str:
    if not found:
        return "Nothing was found that bites."
    counts = [(sum(each.check.severity == severity for each in found), severity) for severity in SEVERITIES]
    words = [_plural(count, severity) for count, severity in counts if count]
    return f"{', '.join(words)}."


def _plural(count: int, severity: str) -> str:
    return f"{count} {severity}" if severity == "advice" else counted(count, severity)


def document(wiring: Wiring, found: Sequence[Finding]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "account": wiring.account,
        "region": wiring.region,
        "unread": dict(wiring.unread),
        "findings": [each.as_json() for each in found],
    }


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(40, min(WIDTH, width)),
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
