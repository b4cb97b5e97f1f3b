"""What an invocation costs at list price (us-east-1, "AWS Lambda Pricing"): requests, GB-seconds, ephemeral storage."""

from __future__ import annotations

from dataclasses import dataclass

REQUEST_USD = 0.20 / 1_000_000
GB_SECOND_USD = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
PROVISIONED_GB_SECOND_USD = {"x86_64": 0.0000097222, "arm64": 0.0000077778}
RESTORED_GB_USD = 0.0001397998
"""For each restoring of an environment with SnapStart, by its memory; that it is kept is charged apart."""
STORAGE_GB_SECOND_USD = 0.0000000309
FREE_STORAGE_MB = 512
STREAMED_GB_USD = 0.008
FREE_STREAMED_BYTES = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Charge:
    """One invocation's share of the bill."""

    gb_s: float
    usd: float


def charge(
    *,
    billed_ms: int,
    memory_mb: int,
    tmp_mb: int,
    architecture: str,
    is_provisioned: bool = False,
    is_restored: bool = False,
    is_shared: bool = False,
    streamed_bytes: int = 0,
) -> Charge:
    """Billed time in whole milliseconds, memory and storage as configured, whatever was used of them.

    With provisioned concurrency a second costs less; that it stands ready is charged apart. Of a response that was
    streamed to its caller, what goes beyond the first 6 MB is paid for. On managed instances only the request is: the
    instances are paid for as long as they are there, whatever runs on them.
    """
    if is_shared:
        return Charge(0.0, REQUEST_USD)
    seconds = billed_ms / 1000
    gb_s = seconds * memory_mb / 1024
    storage_gb_s = seconds * max(0, tmp_mb - FREE_STORAGE_MB) / 1024
    rate = (PROVISIONED_GB_SECOND_USD if is_provisioned else GB_SECOND_USD)[architecture]
    usd = REQUEST_USD + gb_s * rate + storage_gb_s * STORAGE_GB_SECOND_USD
    if is_restored:
        usd += memory_mb / 1024 * RESTORED_GB_USD
    if streamed_bytes > FREE_STREAMED_BYTES:
        usd += (streamed_bytes - FREE_STREAMED_BYTES) / 1024**3 * STREAMED_GB_USD
    return Charge(gb_s, usd)
