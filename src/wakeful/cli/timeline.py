"""One story as text: each event below its cause, each run with what it took and what it costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Note = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a timeline. `depth` is how many causes stand above it."""

    offset_s: float
    depth: int
    kind: str
    what: str
    facts: str
    is_ok: bool


@dataclass(frozen=True, slots=True)
class Total:
    runs: int
    billed_ms: int
    gb_s: float
    usd: float


def lines(notes: Sequence[Note]) -> list[Line]:
    """The notes of one trace, causes before effects, each branch in order of time."""
    begun = min((note["at"] for note in notes), default=0.0)
    return [_line(note, depth, begun) for note, depth in _tree(notes)]


def total(notes: Sequence[Note]) -> Total:
    """What the runs of a story come to."""
    details = [note["detail"] for note in notes if note["kind"] == "run"]
    return Total(
        len(details),
        sum(detail["billed_ms"] for detail in details),
        sum(detail["gb_s"] for detail in details),
        sum(detail["usd"] for detail in details),
    )


def text(trace: str, notes: Sequence[Note], recorded: Collection[str] = ()) -> str:
    """The whole story for a terminal without colours, and the request ids of those runs whose events are `recorded`."""
    begun = datetime.fromtimestamp(min(note["at"] for note in notes), UTC)
    rows = [f"trace {trace}, begun {begun:%Y-%m-%d %H:%M:%S} UTC"]
    for line in lines(notes):
        mark = "" if line.is_ok else "✗ "
        head = f"{'  ' * line.depth}{mark}{line.kind:<5} {line.what}"
        rows.append(f"{line.offset_s * 1000:>9.1f} ms  {head:<85} {line.facts}".rstrip())
    sum_ = total(notes)
    runs = "1 run" if sum_.runs == 1 else f"{sum_.runs} runs"
    rows.append(f"{'':>12}  {runs}, {sum_.billed_ms} ms billed, {sum_.gb_s:.4f} GB-s, ${sum_.usd:.8f} at list price")
    runs_by_id = {note["id"]: note["name"] for note in notes if note["kind"] == "run" and note["id"] in recorded}
    if runs_by_id:
        rows.append("recorded, for `wakeful replay ID` and `wakeful event ID`:")
        rows += [f"{'':>12}  {request_id}  {name}" for request_id, name in runs_by_id.items()]
    return "\n".join(rows)


def _tree(notes: Sequence[Note]) -> Iterator[tuple[Note, int]]:
    known = {note["id"] for note in notes}
    effects: defaultdict[str | None, list[Note]] = defaultdict(list)
    for note in sorted(notes, key=lambda note: note["at"]):
        # What caused it may be a read that nobody noted, or lie before a crash: then it stands at the beginning.
        effects[note["cause"] if note["cause"] in known and note["cause"] != note["id"] else None].append(note)
    stack = [(note, 0) for note in reversed(effects[None])]
    seen: set[tuple[str, float]] = set()
    while stack:
        note, depth = stack.pop()
        if (note["id"], note["at"]) in seen:
            continue
        seen.add((note["id"], note["at"]))
        yield note, depth
        stack.extend((effect, depth + 1) for effect in reversed(effects[note["id"]]))


def _line(note: Note, depth: int, begun: float) -> Line:
    describe = {"call": _call, "event": _event, "run": _run, "denial": _denial, "chaos": _chaos}[note["kind"]]
    what, facts = describe(note)
    is_ok = note["status"] == "ok"
    return Line(note["at"] - begun, depth, note["kind"], what, facts if is_ok else f"{facts}  {note['status']}", is_ok)


def _call(note: Note) -> tuple[str, str]:
    return f"{note['name']} {_short(note['resource'])}".rstrip(), f"{note['duration_ms']:.1f} ms"


def _event(note: Note) -> tuple[str, str]:
    reason = note["detail"].get("reason", "")
    return f"{note['name']} → {_short(note['resource'])}", reason


def _run(note: Note) -> tuple[str, str]:
    detail = note["detail"]
    start = f"cold, init {detail['init_ms']:.1f} ms" if detail["cold"] and detail["init_ms"] else "warm"
    if detail["cold"] and not detail["init_ms"]:
        start = "cold"
    facts = (
        f"{start}, {note['duration_ms']:.1f} ms, billed {detail['billed_ms']} ms of {detail['memory_mb']} MB"
        f" = {detail['gb_s']:.4f} GB-s, ${detail['usd']:.8f}"
    )
    replay = ", replay" if "replay_of" in detail else ""
    return f"{note['name']} ({detail['runtime']}){replay}", facts


def _denial(note: Note) -> tuple[str, str]:
    return f"{note['name']} {_short(note['resource'])}", "done all the same: IAM is in audit mode"


def _chaos(note: Note) -> tuple[str, str]:
    return f"{note['name']} at {_short(note['resource'])}", f"{note['detail']['what']} ({note['detail']['experiment']})"


def _short(resource: str) -> str:
    """An ARN without what every ARN here has; anything else as it is."""
    if resource.startswith("mapping:"):
        return " → ".join(_short(each) for each in resource.removeprefix("mapping:").split("→"))
    if not resource.startswith("arn:"):
        return resource.rsplit("/", 1)[-1] if resource.startswith("http") else resource
    parts = resource.split(":", 5)
    return f"{parts[2]} {parts[5].removeprefix('function:')}"
