"""Quotas, defaults and retry counts, each with its unit in its name. Services read their limits from here."""

from __future__ import annotations

# --- wire: what a request may make us do before we know whose it is ---

FORM_FIELDS_MAX = (
    10_000  # fields of one form or query string; a batch of ten SQS messages with attributes has about 700
)
FORM_DEPTH_MAX = 32  # dots in the name of a form field
LIST_INDEX_DIGITS_MAX = 10  # digits of N in "member.N"; only the order matters, but it must be a number
XML_TAGS_MAX = 500_000  # "<" in an XML body; CompleteMultipartUpload with 10,000 parts and two checksums has 100,000
PATTERN_TEXT_MAX = 4_096  # characters of a value that is matched against a pattern, where the model sets no length
SHOWN_VALUE_MAX = 1_024  # characters of a value that a validation error repeats
VALIDATION_ERRORS_MAX = 10  # violations that one validation error tells of; it counts them all
