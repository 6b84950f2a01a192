"""What an asset and its results say together."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from filmgate.library.model import AnalyzedAsset, Asset, AssetState, AssetStatus
from filmgate.library.results import Result, ResultState
from tests.contracts.records import INFO, START, a_job, a_result, an_asset

STORED = an_asset("acme", "a1", state=AssetState.STORED, info=INFO)
RUNNING, DONE, REFUSED, FAILED, UNAVAILABLE = ResultState


def results(*states: ResultState) -> tuple[Result, ...]:
    """A result of a capability of its own for each state."""
    return tuple(
        a_result(
            STORED,
            a_job(STORED, f"capability{number}"),
            state=state,
            reason_code=f"{state.value}-{number}",
            reason=f"{state.value} {number}.",
            notes=("Cut short.", f"note {number}"),
        )
        for number, state in enumerate(states)
    )


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ((), AssetStatus.PROCESSING),
        ((RUNNING,), AssetStatus.PROCESSING),
        ((RUNNING, DONE, FAILED, REFUSED), AssetStatus.PROCESSING),
        ((DONE,), AssetStatus.DONE),
        ((DONE, UNAVAILABLE), AssetStatus.DONE),
        ((UNAVAILABLE,), AssetStatus.DONE),
        ((DONE, REFUSED), AssetStatus.DONE),
        ((REFUSED,), AssetStatus.REFUSED),
        ((REFUSED, REFUSED), AssetStatus.REFUSED),
        ((FAILED, DONE), AssetStatus.FAILED),
        ((FAILED, REFUSED, DONE, UNAVAILABLE), AssetStatus.FAILED),
    ],
)
def test_a_stored_asset_stands_as_its_results_do(
    states: tuple[ResultState, ...], status: AssetStatus
) -> None:
    for order in permutations(results(*states)):
        record = AnalyzedAsset(asset=STORED, results=order)
        assert record.status is status
        if status in {AssetStatus.FAILED, AssetStatus.REFUSED}:
            assert str(record.reason_code).startswith(status.value)
            assert str(record.reason).startswith(status.value)
        else:
            assert (record.reason_code, record.reason) == (None, None)


@pytest.mark.parametrize("state", [AssetState.WAITING, AssetState.REFUSED])
def test_an_asset_that_is_not_stored_says_so_itself(state: AssetState) -> None:
    """Whatever ran on what was there before."""
    asset = STORED.model_copy(update={"state": state, "reason_code": "gone", "reason": "Gone."})
    record = AnalyzedAsset(asset=asset, results=results(DONE, FAILED))
    assert record.status.value == state.value
    assert record.reason == ("Gone." if state is AssetState.REFUSED else None)


def test_notes_of_all_results_come_once() -> None:
    record = AnalyzedAsset(asset=STORED, results=results(DONE, DONE))
    assert record.notes == ("Cut short.", "note 0", "note 1")


def test_the_attempt_that_began_last_counts_whenever_it_ended() -> None:
    older = a_result(STORED, a_job(STORED, number=1), state=FAILED)
    older = older.model_copy(update={"updated_at": START + timedelta(hours=9)})
    newer = a_result(STORED, a_job(STORED, number=2), state=DONE, engine="dedupe-engine/1.3")
    for order in ((older, newer), (newer, older)):
        record = AnalyzedAsset(asset=STORED, results=order)
        assert record.current == (newer,)
        assert record.status is AssetStatus.DONE


@pytest.mark.parametrize(
    ("code", "awaits"),
    [("gone", True), ("checksum_mismatch", True), ("changed", True), ("damaged", False)],
)
def test_content_that_never_arrived_is_awaited(code: str, awaits: bool) -> None:
    refused = {"reason_code": code, "reason": "Upload it again."}
    at_ingest: Asset = STORED.model_copy(update={"state": AssetState.REFUSED, **refused})
    later = tuple(result.model_copy(update=refused) for result in results(REFUSED))
    assert AnalyzedAsset(asset=at_ingest).awaits_bytes is awaits
    assert AnalyzedAsset(asset=STORED, results=later).awaits_bytes is awaits
    assert AnalyzedAsset(asset=an_asset("acme", "a1")).awaits_bytes
    assert not AnalyzedAsset(asset=STORED, results=results(DONE)).awaits_bytes
