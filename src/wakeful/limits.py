"""Quotas, defaults and retry counts, each with its unit. One block for each package that has some."""

from __future__ import annotations

# --- fabric: event patterns, filter policies, input transformers, schedules, policies ---------------------------------

EVENT_PATTERN_CHARS_MAX = 2048  # of a rule's event pattern; "Amazon EventBridge quotas"
EVENT_PATTERN_COMBINATIONS_MAX = 1000  # rules that the `$or`s of one pattern may stand for
EVENT_PATTERN_COMPLEXITY_MAX = 10  # wildcard prefixes that one value may match at a time
EVENT_PATTERN_DEPTH_MAX = 100  # levels of nesting; ours, so that no pattern exhausts the stack
EVENT_PATTERN_NUMBER_MAX = 5_000_000_000  # the largest number, either sign, that `numeric` compares
EVENT_PATTERN_DECIMALS_MAX = 6  # digits right of the decimal point that `numeric` compares

FILTER_POLICY_KEYS_MAX = 5  # top-level keys; "Filter policy constraints in Amazon SNS"
FILTER_POLICY_COMBINATIONS_MAX = 150  # the product of value counts and depths
FILTER_POLICY_BYTES_MAX = 256 * 1024
FILTER_POLICY_NUMBER_MAX = 1_000_000_000
FILTER_POLICY_DECIMALS_MAX = 5
