"""What the cloud charges, and what an index of any size then costs, from measured constants."""

from __future__ import annotations

from dataclasses import dataclass

DATE = "2026-11"
"""When these list prices (US dollars, us-east-1, on demand) were read."""

LAMBDA_GB_S = 0.0000166667
"""x86-64."""
LAMBDA_REQUEST = 0.20e-6
STEP_TRANSITION = 25e-6
"""A state entered in a Standard workflow."""
SQS_REQUEST = 0.40e-6
HTTP_API_REQUEST = 1.00e-6
EVENT = 0.0
"""Events of S3 on the default bus are not charged."""
S3_PUT = 5e-6
S3_GET = 0.4e-6
LOG_GB = 0.50
DYNAMODB_WRITE = 0.625e-6
"""A write of up to 1 KB."""
DYNAMODB_READ = 0.125e-6
"""A strongly consistent read of up to 4 KB."""
DYNAMODB_GB_MONTH = 0.25
S3_GB_MONTH = 0.023

MATCH_GB = 1769 / 1024
"""Memory of the match function: one processor."""
MATCH_TIMEOUT_S = 300.0
REQUEST_S = 0.010
"""A BatchGetItem or UpdateItem from a function in the same region; assumed, not measured."""
ITEM_OVERHEAD = 100
"""Bytes DynamoDB adds to an item's storage."""


@dataclass(frozen=True)
class ScanLaw:
    """Seconds of an exact search: fixed_s + hashes * queries * pair_s."""

    fixed_s: float
    pair_s: float

    def seconds(self, hashes: float, queries: int) -> float:
        """One search with so many query hashes."""
        return self.fixed_s + hashes * queries * self.pair_s

    def dollars(self, hashes: float, queries: int) -> float:
        """The same, as the match function is billed."""
        return self.seconds(hashes, queries) * MATCH_GB * LAMBDA_GB_S

    def most(self, queries: int, seconds: float = MATCH_TIMEOUT_S) -> float:
        """Hashes that one search can look at in that time."""
        return (seconds - self.fixed_s) / (queries * self.pair_s)


@dataclass(frozen=True)
class BandLaw:
    """What a film costs in bands, whatever the size of the library.

    Attributes:
        writes, reads: buckets that adding and searching one film touch.
        cpu_s: processor time of both, without the network's.
    """

    writes: float
    reads: float
    cpu_s: float
    workers: int

    def seconds(self) -> float:
        """Adding and searching, requests side by side as the adapter sends them."""
        rounds = self.writes / self.workers + self.reads / 100 / self.workers
        return self.cpu_s + rounds * REQUEST_S

    def dollars(self) -> float:
        """Requests, and the function that waits for them."""
        requests = self.writes * DYNAMODB_WRITE + self.reads * DYNAMODB_READ
        return requests + self.seconds() * MATCH_GB * LAMBDA_GB_S


def crossover(scan: ScanLaw, bands: BandLaw, queries: int) -> tuple[float, float]:
    """Hashes from which bands cost less, and from which they answer sooner."""
    per_second = MATCH_GB * LAMBDA_GB_S
    cost = (bands.dollars() / per_second - scan.fixed_s) / (queries * scan.pair_s)
    return max(cost, 0.0), max(scan.most(queries, bands.seconds()), 0.0)
