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
HASHED_ON_LOOP_BYTES_MAX = 131_072  # a body that is hashed in passing: 0.1 ms; larger ones are hashed in a thread
PRESIGNED_S_MAX = 604_800  # a presigned request is good for a week at most
SCOPES_CACHED_MAX = 1_024  # parsed Authorization headers that are kept; one per client, day, and set of signed headers
SIGNATURE_SKEW_S_MAX = 900  # how far a client's clock may be off
SIGNING_KEYS_CACHED_MAX = 1_024  # derived keys that are kept; one per secret, day, region and service
CHUNK_LINE_BYTES_MAX = 4_096  # a line of the aws-chunked framing: a size with its signature, or a trailer
TRAILERS_MAX = 16  # fields after an aws-chunked body
