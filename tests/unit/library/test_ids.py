"""Ids of jobs and runs."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from ulid import ULID

from filmgate.library.jobs import new_id


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(re.fullmatch("[0-9A-HJKMNP-TV-Z]{26}", one) for one in made)


def test_ids_made_at_the_same_moment_differ() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: new_id(), range(2000)))) == 2000


def test_an_id_tells_when_it_was_made() -> None:
    before = datetime.now(UTC)
    at = ULID.from_str(new_id()).datetime
    assert abs((at - before).total_seconds()) < 60
