"""Bounds of chaos experiments."""

from __future__ import annotations

CHAOS_RUNNING_MAX = 50
"""Experiments that run at a time in one account and region."""

CHAOS_ENDED_KEPT = 50
"""Experiments that are over and can still be asked for, of one account and region."""

CHAOS_DEEDS_KEPT = 1000
"""Of each experiment, what it did last; its counts are of all."""

CHAOS_FOR_S_MAX = 30 * 86_400.0
CHAOS_TIMES_MAX = 1_000_000
CHAOS_COPIES_MAX = 10
CHAOS_DELAY_MAX_S = 900.0
CHAOS_WINDOW_MAX = 100
CHAOS_APART_S = (0.0, 5.0)
"""How long after a message its copy shows itself, where nobody says."""
