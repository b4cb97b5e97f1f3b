"""What is kept of a streamed response while it passes, and what a recording says of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wakeful import limits
from wakeful.environments.version import Invocation, Outcome, Version
from wakeful.services.lambda_ import recorded
from wakeful.services.lambda_.recorded import Overheard
from wakeful.store.recordings import Recorder, Room

MB = 1024 * 1024
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
VERSION = Version(ARN, "f", "$LATEST", "000000000000", "us-east-1", "r", "python3.12", "h", Path("/code"), "role")


class Listener:
    """A sink that is full after every second piece."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def begin(self, content_type: str, resume: Callable[[], None]) -> None:
        self.heard.append(content_type)

    def write(self, piece: bytes) -> bool:
        self.heard.append(piece)
        return len(self.heard) % 2 == 0


def outcome(payload: bytes = b"", *, failed: bool = False) -> Outcome:
    error = "Unhandled" if failed else None
    status = "error" if failed else "success"
    return Outcome(payload, error, None, status, False, None, 1.0, 1, 128, 30, b"", 5.0, "e", "s")  # type: ignore[arg-type]


def of_stream(*pieces: bytes, payload: bytes = b"", failed: bool = False) -> bytes | None:
    sink = Overheard(Recorder(Room()))
    for piece in pieces:
        sink.write(piece)
    invocation = Invocation("id", b"1", ARN, sink=sink)
    return recorded.of_run(VERSION, invocation, outcome(payload, failed=failed)).answer


def test_what_passes_is_passed_on_as_it_is_and_as_fast_as_it_is_wanted() -> None:
    listener = Listener()
    sink = Overheard(Recorder(Room()), listener)
    sink.begin("text/plain", lambda: None)
    assert [sink.write(b"a"), sink.write(b"b")] == [True, False]
    assert listener.heard == ["text/plain", b"a", b"b"]
    assert sink.answer == b"ab"


def test_an_answer_is_all_its_pieces_and_what_came_besides_or_the_error() -> None:
    assert of_stream(b"a", b"b") == b"ab"
    assert of_stream(payload=b"whole") == b"whole"
    assert of_stream(b"a", payload=b"{}", failed=True) == b"{}"


def test_a_larger_answer_than_is_kept_is_left_out() -> None:
    sixth = bytes(limits.RECORD_PAYLOAD_BYTES_MAX // 6)
    assert len(of_stream(*[sixth] * 6) or b"") == 6 * len(sixth)
    assert of_stream(*[sixth] * 7) is None


def test_all_streams_together_keep_no_more_than_there_is_room_for() -> None:
    recorder = Recorder(Room())
    sinks = [Overheard(recorder) for _ in range(20)]
    for sink in sinks:
        for _ in range(5):
            assert sink.write(bytes(MB)), "nobody is held up for the sake of a recording"
    kept = [sink for sink in sinks if sink.answer is not None]
    assert len(kept) == limits.RECORD_BUFFER_BYTES_MAX // (5 * MB)
    del kept, sink, sinks
    assert recorder.hold(limits.RECORD_BUFFER_BYTES_MAX), "what ended has given back its room"


def test_where_nothing_is_recorded_nothing_is_overheard() -> None:
    class Off:
        class telemetry:
            recorder = Recorder(Room(bytes_max=0))

    invocation = Invocation("id", b"1", ARN, sink=Listener())
    assert recorded.overhear(Off(), invocation) is invocation  # type: ignore[arg-type]
