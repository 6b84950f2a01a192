"""The index's benchmark plants what it says, and adds up."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.index_corpus import Corpus, copied, query
from tests.benchmarks.index_prices import (
    DYNAMODB_READ,
    DYNAMODB_WRITE,
    LAMBDA_GB_S,
    MATCH_GB,
    BandLaw,
    ScanLaw,
    crossover,
)


def test_copies_are_at_just_that_distance_and_break_high_frequencies_first() -> None:
    coefficients, hashes = Corpus().film(3)
    for bits in (0, 8, 72):
        differ = np.unpackbits(
            copied(coefficients, bits, np.random.default_rng(1)) ^ hashes, axis=1
        )
        assert (differ.sum(axis=1) == bits).all()
    shares = differ.mean(axis=0).reshape(16, 16)
    assert shares[8:, 8:].mean() > 2 * shares[:8, :8].mean()


def test_films_are_always_the_same_and_repeat_no_frame() -> None:
    _, hashes = Corpus().film(700)
    _, again = Corpus().film(700)
    assert np.array_equal(hashes, again)
    assert (np.bitwise_count(hashes[1:] ^ hashes[:-1]).sum(axis=1) >= 16).all()
    ((number, _, same),) = [film for film in Corpus().films(690, 11) if film[0] == 700]
    assert number == 700
    assert np.array_equal(hashes, same)


def test_a_query_begins_with_the_frames_as_they_are() -> None:
    coefficients, hashes = Corpus().film(5)
    assert np.array_equal(query(coefficients).frames[0], hashes)


def test_costs_cross_where_both_are_the_same() -> None:
    scan = ScanLaw(fixed_s=0.01, pair_s=3e-9)
    bands = BandLaw(writes=300, reads=2400, cpu_s=0.5, workers=16)
    requests = 300 * DYNAMODB_WRITE + 2400 * DYNAMODB_READ
    assert bands.dollars() == pytest.approx(requests + bands.seconds() * MATCH_GB * LAMBDA_GB_S)
    cheaper, sooner = crossover(scan, bands, 1920)
    assert scan.dollars(cheaper, 1920) == pytest.approx(bands.dollars())
    assert scan.seconds(sooner, 1920) == pytest.approx(bands.seconds())
    assert scan.seconds(scan.most(1920), 1920) == pytest.approx(300)
