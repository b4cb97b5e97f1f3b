"""What becomes of a lane's checkpoint, as rules: whatever fails, and however often, nothing is skipped or forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from wakeful.services.lambda_.sources.streams import progress
from wakeful.services.lambda_.sources.streams.checkpoints import Checkpoint, Pending, Response, Window
from wakeful.services.lambda_.sources.streams.progress import Policy

ANSWER = Response("r", "$LATEST", "Unhandled")
TURNS_MAX = 2000


@dataclass
class Shard:
    """A lane of one shard that is read to its end. `poison` is what the function always fails at."""

    numbers: list[int]
    poison: set[int]
    policy: Policy
    batch_size: int
    reports: bool
    checkpoint: Checkpoint = field(default_factory=lambda: Checkpoint(0))
    done: list[int] = field(default_factory=list)
    given_up: list[int] = field(default_factory=list)
    runs: dict[int, int] = field(default_factory=dict)

    def follow(self) -> None:
        for _ in range(TURNS_MAX):
            batch = [each for each in self.numbers if each > self.checkpoint.position]
            if self.checkpoint.pending:
                end = self.checkpoint.pending[0].end
                batch = [each for each in batch if each <= end]
                assert batch, "what is pending has nothing in it"
            else:
                batch = batch[: self.batch_size]
                if not batch:
                    return
                end = batch[-1]
            self._run(batch, end)

    def _run(self, batch: list[int], end: int) -> None:
        for each in batch:
            self.runs[each] = self.runs.get(each, 0) + 1
        bad = [at for at, each in enumerate(batch) if each in self.poison]
        before = self.checkpoint
        if not bad:
            self.checkpoint = progress.succeeded(before, end)
            self.done += batch
            return
        done = bad[0] if self.reports else 0
        after = progress.failed(before, batch, end, done, ANSWER, self.policy, 0.0)
        self.done += batch[:done]
        self.given_up += batch[len(batch) - after.given_up :]
        self.checkpoint = after.checkpoint
        assert self.checkpoint.position >= before.position


@given(
    st.lists(st.integers(1, 200), unique=True, max_size=25).map(sorted),
    st.data(),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
    st.integers(1, 12),
)
@examples(300)
def test_every_entry_is_done_or_given_up_in_order_and_bisecting_gives_up_only_what_is_bad(
    numbers: list[int], data: st.DataObject, retries: int, bisects: bool, reports: bool, batch_size: int
) -> None:
    poison = set(data.draw(st.lists(st.sampled_from(numbers), max_size=5))) if numbers else set()
    shard = Shard(numbers, poison, Policy(retries, None, bisects), batch_size, reports)
    shard.follow()
    assert sorted(shard.done + shard.given_up) == numbers
    assert shard.done == sorted(shard.done)
    assert shard.given_up == sorted(shard.given_up)
    assert shard.checkpoint.is_clear
    assert poison <= set(shard.given_up)
    if bisects:
        assert set(shard.given_up) == poison
    assert all(shard.runs[each] >= retries + 1 for each in poison)


@given(st.lists(st.integers(1, 200), unique=True, min_size=1, max_size=15).map(sorted), st.booleans(), st.booleans())
@examples(50)
def test_without_a_bound_what_is_bad_is_tried_for_ever_and_nothing_behind_it_is_run_alone(
    numbers: list[int], bisects: bool, reports: bool
) -> None:
    bad = numbers[len(numbers) // 2]
    shard = Shard(numbers, {bad}, Policy(None, None, bisects), 5, reports)
    shard.follow()
    assert shard.given_up == []
    assert max(shard.done, default=0) < bad
    assert shard.checkpoint.position < bad
    assert shard.runs[bad] > 100


@pytest.mark.parametrize(("attempts", "wanted"), [(1, 0.1), (2, 0.2), (5, 1.6), (100, 30.0)])
def test_a_batch_rests_longer_the_oftener_it_failed(attempts: int, wanted: float) -> None:
    assert progress.backoff_s(attempts) == pytest.approx(wanted)


def test_what_is_too_old_takes_away_the_pending_parts_that_it_is_all_of() -> None:
    before = Checkpoint(0, (Pending(5, 3, ANSWER), Pending(9, 3, ANSWER)), 7.0)
    assert progress.aged(before, 4) == Checkpoint(4, before.pending, 0.0)
    assert progress.aged(before, 5) == Checkpoint(5, before.pending[1:], 0.0)


# --- windows ---------------------------------------------------------------------------------------------------------


@given(st.floats(0, 1e6), st.integers(1, 900))
@examples(100)
def test_every_moment_is_in_one_window(at: float, length_s: int) -> None:
    window = progress.window_of(at, None, length_s)
    assert window.start <= at < window.end
    assert window.end - window.start == length_s
    assert window.start % length_s == 0
    assert progress.window_of(window.start, window, length_s) is window
    assert progress.window_of(window.end, window, length_s).start == window.end


@pytest.mark.parametrize(
    ("now", "next_at", "is_over", "is_asked_for", "ends"),
    [
        (50.0, None, False, True, False),
        (120.5, None, False, True, False),  # something may still be on its way to the disk
        (121.0, None, False, True, True),
        (50.0, 60.0, False, True, False),
        (500.0, 119.9, True, True, False),
        (50.0, 120.0, False, True, True),
        (50.0, None, True, True, True),
        (50.0, None, False, False, True),
    ],
)
def test_a_window_ends_when_nothing_more_can_belong_to_it(
    now: float, next_at: float | None, is_over: bool, is_asked_for: bool, ends: bool
) -> None:
    window = Window(0.0, 120.0, {})
    assert progress.ends_window(window, now, next_at, is_over=is_over, is_asked_for=is_asked_for) is ends


def test_the_end_of_a_window_is_tried_as_often_as_a_batch_is_and_then_let_go() -> None:
    checkpoint = Checkpoint(3, window=Window(0.0, 120.0, {"a": 1}))
    policy = Policy(retries_max=1)
    once = progress.window_failed(checkpoint, policy, 200.0)
    assert (once.checkpoint.window, once.attempts) == (Window(0.0, 120.0, {"a": 1}, 1), 0)
    twice = progress.window_failed(once.checkpoint, policy, 200.0)
    assert (twice.checkpoint, twice.attempts) == (Checkpoint(3), 2)
    old = progress.window_failed(checkpoint, Policy(age_max_s=60.0), 200.0)
    assert (old.checkpoint, old.attempts) == (Checkpoint(3), 1)


def test_a_state_that_is_too_large_ends_the_window_early_which_then_goes_on_with_none() -> None:
    window = Window(0.0, 120.0, {})
    large = progress.with_state(Checkpoint(3), window, {"x": 1}, 1024 * 1024 + 1)
    assert large.window == replace(window, state={"x": 1}, is_too_large=True)
    assert progress.window_ended(large).window == window
    small = progress.with_state(Checkpoint(3), window, {"x": 1}, 1024 * 1024)
    assert progress.window_ended(small).window is None
