"""What Lambda costs: its meters, their list prices and what is free ("AWS Lambda Pricing", US East (N. Virginia), from
AWS's Price List of 2026-09).

A meter counts whole units (a megabyte for a millisecond, a byte, a request); its price is of a larger one. Names are
those of the usage types in AWS's own bills, where we know them. Money is exact: fractions, rounded only to be shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

MB_MS_PER_GB_S = 1024 * 1000
MB_PER_GB = 1024
BYTES_PER_GB = 1024**3
MILLION = 1_000_000

X86, ARM = "x86_64", "arm64"


@dataclass(frozen=True, slots=True)
class Tier:
    """A price of a priced unit, from so many priced units in a month on."""

    above: int
    usd: Fraction


@dataclass(frozen=True, slots=True)
class Meter:
    """What is counted, how many of what is counted make what is priced, and the list price of that."""

    name: str
    what: str
    unit: str
    size: int
    """Counted units in a priced one."""

    tiers: tuple[Tier, ...]

    @property
    def usd(self) -> float:
        """Of one counted unit, at the first tier: for what is only shown."""
        return float(self.tiers[0].usd / self.size) if self.tiers else 0.0

    def list_price(self, units: int) -> Fraction:
        """At the first tier, nothing being free."""
        return Fraction(units, self.size) * self.tiers[0].usd if self.tiers else Fraction(0)

    def price(self, units: int) -> Fraction:
        """Of what an account uses of it in a month and a region."""
        cost, rest = Fraction(0), Fraction(units, self.size)
        for tier in reversed(self.tiers):
            within = max(Fraction(0), rest - tier.above)
            cost += within * tier.usd
            rest -= within
        return cost


def _meter(name: str, what: str, unit: str, size: int, *prices: str | tuple[int, str]) -> Meter:
    tiers = [(0, each) if isinstance(each, str) else each for each in prices]
    return Meter(name, what, unit, size, tuple(Tier(above, Fraction(usd)) for above, usd in tiers))


# Section "AWS Lambda Pricing": USD for a million requests, and for a GB-second of an architecture.
REQUEST = _meter("Request", "Requests", "million", MILLION, "0.20")
REQUEST_ARM = _meter("Request-ARM", "Requests, arm64", "million", MILLION, "0.20")
DURATION = _meter(
    *("Lambda-GB-Second", "Duration", "GB-s", MB_MS_PER_GB_S),
    *("0.0000166667", (6_000_000_000, "0.000015"), (15_000_000_000, "0.0000133334")),
)
DURATION_ARM = _meter(
    *("Lambda-GB-Second-ARM", "Duration, arm64", "GB-s", MB_MS_PER_GB_S),
    *("0.0000133334", (7_500_000_000, "0.0000120001"), (18_750_000_000, "0.0000106667")),
)

# Section "Lambda Ephemeral Storage Pricing": USD for a GB-second beyond the 512 MB that every function has.
STORAGE = _meter("Lambda-Storage-GB-Second", "Ephemeral storage above 512 MB", "GB-s", MB_MS_PER_GB_S, "0.0000000309")
STORAGE_ARM = _meter("Lambda-Storage-GB-Second-ARM", "Ephemeral storage, arm64", "GB-s", MB_MS_PER_GB_S, "0.0000000309")
FREE_STORAGE_MB = 512

# Section "Provisioned Concurrency Pricing": USD for a GB-second that is configured, and for one that runs on it.
PROVISIONED = _meter(
    "Lambda-Provisioned-Concurrency", "Provisioned concurrency", "GB-s", MB_MS_PER_GB_S, "0.0000041667"
)
PROVISIONED_ARM = _meter(
    "Lambda-Provisioned-Concurrency-ARM", "Provisioned concurrency, arm64", "GB-s", MB_MS_PER_GB_S, "0.0000033334"
)
PROVISIONED_DURATION = _meter(
    "Lambda-Provisioned-GB-Second", "Duration, provisioned", "GB-s", MB_MS_PER_GB_S, "0.0000097222"
)
PROVISIONED_DURATION_ARM = _meter(
    "Lambda-Provisioned-GB-Second-ARM", "Duration, provisioned, arm64", "GB-s", MB_MS_PER_GB_S, "0.0000077778"
)
PROVISIONED_STEP_MS = 5 * 60_000
"""A period of provisioned concurrency is rounded up to five minutes."""

# Section "Lambda SnapStart Pricing": USD for a GB-second that a version is kept, and for a GB that is restored.
SNAPSHOT = _meter("Lambda-SnapStart-Cached-GB-S", "SnapStart, kept", "GB-s", MB_MS_PER_GB_S, "0.0000015046")
RESTORED = _meter("Lambda-SnapStart-Restored-GB", "SnapStart, restored", "GB", MB_PER_GB, "0.0001397998")
SNAPSHOT_LEAST_MS = 3 * 3_600_000
"""A version is paid for three hours at least."""

# Section "HTTP Response Stream": USD for a GB beyond the first 6 MB of a response.
STREAMED = _meter("Lambda-Streaming-Response-Processed-Bytes", "Response streaming", "GB", BYTES_PER_GB, "0.008")
STREAMED_ARM = _meter(
    "Lambda-Streaming-Response-Processed-Bytes-ARM", "Response streaming, arm64", "GB", BYTES_PER_GB, "0.008"
)
FREE_STREAMED_BYTES = 6 * 1024 * 1024

# Section "Tenant isolation": USD for a GB of each environment that is made for a tenant.
TENANT = _meter("Lambda-Tenant-Isolation-GB", "Environments of tenants", "GB", MB_PER_GB, "0.000166667")
TENANT_ARM = _meter("Lambda-Tenant-Isolation-GB-ARM", "Environments of tenants, arm64", "GB", MB_PER_GB, "0.000133333")

# Section "Lambda Durable Functions Pricing": USD for a million operations, and for a GB written.
DURABLE_OPERATION = _meter("Lambda-Durable-Operations", "Durable operations", "million", MILLION, "8.00")
DURABLE_WRITTEN = _meter("Lambda-Durable-Written-Bytes", "Durable data written", "GB", BYTES_PER_GB, "0.25")

BILLED = _meter("Billed-Duration", "Billed time", "ms", 1)
"""What the REPORT lines say, added up. It is priced by the memory it was had with, not by itself."""

METERS: Mapping[str, Meter] = {
    meter.name: meter
    for meter in (
        *(REQUEST, REQUEST_ARM, DURATION, DURATION_ARM, PROVISIONED_DURATION, PROVISIONED_DURATION_ARM),
        *(PROVISIONED, PROVISIONED_ARM, STORAGE, STORAGE_ARM, STREAMED, STREAMED_ARM, SNAPSHOT, RESTORED),
        *(TENANT, TENANT_ARM, DURABLE_OPERATION, DURABLE_WRITTEN, BILLED),
    )
}
"""In the order in which a bill lists them."""

_USD = {meter.name: meter.usd for meter in METERS.values()}


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is free in every month: so many counted units of these meters together, in all regions."""

    meters: tuple[Meter, ...]
    units: int


FREE_TIER: tuple[Allowance, ...] = (
    Allowance((REQUEST, REQUEST_ARM), MILLION),
    Allowance((DURATION, DURATION_ARM), 400_000 * MB_MS_PER_GB_S),
    Allowance((STREAMED, STREAMED_ARM), 100 * BYTES_PER_GB),
)
"""Sections "Free tier" and "HTTP Response Stream". What costs more is free first; AWS does not say."""


def usd(units: Mapping[str, int]) -> float:
    """About what these cost at list price: for one run."""
    cost = 0.0
    for meter, count in units.items():
        cost += count * _USD[meter]
    return cost


def list_price(units: Mapping[str, int]) -> Fraction:
    """Exactly what these cost at the first tier, nothing being free."""
    return sum((METERS[meter].list_price(count) for meter, count in units.items()), Fraction(0))


def gb_s(units: Mapping[str, int], meters: Iterable[Meter]) -> Fraction:
    """GB-seconds of these meters together."""
    return Fraction(sum(units.get(meter.name, 0) for meter in meters), MB_MS_PER_GB_S)


def free_of(units: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """How much of what an account used in a month, by region and meter, is free."""
    free: dict[tuple[str, str], int] = {}
    for allowance in FREE_TIER:
        left = allowance.units
        for meter in allowance.meters:
            for region in sorted(region for region, name in units if name == meter.name):
                taken = min(left, units[region, meter.name])
                free[region, meter.name] = taken
                left -= taken
    return free
