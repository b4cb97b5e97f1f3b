"""What an invocation costs at list price (us-east-1, "AWS Lambda Pricing"): requests, GB-seconds, ephemeral storage."""

from __future__ import annotations

from dataclasses import dataclass

REQUEST_USD = 0.20 / 1_000_000
GB_SECOND_USD = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
PROVISIONED_GB_SECOND_USD = {"x86_64": 0.0000097222, "arm64": 0.0000077778}
STORAGE_GB_SECOND_USD = 0.0000000309
FREE_STORAGE_MB = 512


@dataclass(frozen=True, slots=True)
class Charge:
    """One invocation's share of the bill."""

    gb_s: float
    usd: float


def charge(*, billed_ms: int, memory_mb: int, tmp_mb: int, architecture: str, is_provisioned: bool = False) -> Charge:
    """Billed time in whole milliseconds, memory and storage as configured, whatever was used of them.

    With provisioned concurrency a second costs less; that it stands ready is charged apart.
    """
    seconds = billed_ms / 1000
    gb_s = seconds * memory_mb / 1024
    storage_gb_s = seconds * max(0, tmp_mb - FREE_STORAGE_MB) / 1024
    rate = (PROVISIONED_GB_SECOND_USD if is_provisioned else GB_SECOND_USD)[architecture]
    return Charge(gb_s, REQUEST_USD + gb_s * rate + storage_gb_s * STORAGE_GB_SECOND_USD)
