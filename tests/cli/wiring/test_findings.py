"""How findings are worded: times, counts, names, and lines for a shell."""

from __future__ import annotations

import shlex

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.cli.wiring.findings import command, compact, counted, duration, listed


def test_a_time_is_told_in_the_unit_that_one_would_say() -> None:
    told = {0: "0 s", 30: "30 s", 60: "60 s", 90: "90 s", 150: "2.5 min", 3600: "1 h", 5400: "90 min", 30_000: "8.3 h"}
    told |= {86_400: "1 day", 108_000: "30 h", 345_600: "4 days", 1_209_600: "14 days"}
    assert {seconds: duration(seconds) for seconds in told} == told


def test_names_are_listed_up_to_three() -> None:
    assert listed(["b", "a", "b"]) == "a and b"
    assert listed(["a"]) == "a"
    assert listed("abc") == "a, b and c"
    assert listed("abcde") == "a, b, c and 2 more"
    assert (counted(1, "try", "tries"), counted(1200, "try", "tries")) == ("1 try", "1,200 tries")


@examples(100)
@given(st.text(max_size=20), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3))
def test_a_shell_reads_a_command_as_it_was_meant(text: str, document: dict[str, str]) -> None:
    line = command("sqs set-queue-attributes", queue_url=text, attributes=document, enabled=True, timeout=3)
    assert shlex.split(line) == [
        *("aws", "sqs", "set-queue-attributes", "--queue-url", text, "--attributes", compact(document)),
        *("--enabled", "--timeout", "3"),
    ]
