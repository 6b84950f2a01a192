"""The library port's contract. Subclass, and give a `library` fixture."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from filmgate.dedupe.matching.model import FramePair, MatchClass, Verdict
from filmgate.errors import InvalidCursor, NotFound
from filmgate.library.model import Asset, AssetStatus, Job, JobStatus, Match
from filmgate.library.ports import Library
from filmgate.media.model import MediaInfo, MediaKind

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def an_asset(tenant: str, name: str, *, minutes: float = 0.0, **changes: object) -> Asset:
    asset = Asset(
        tenant=tenant,
        asset_id=name,
        path=f"holiday/{name}.mp4",
        key=f"raw/{tenant}/{name}/{name}.mp4",
        status=AssetStatus.WAITING,
        created_at=START + timedelta(minutes=minutes),
        updated_at=START,
    )
    return asset.model_copy(update=changes)


def a_job(tenant: str, asset_id: str, number: int = 1) -> Job:
    return Job(
        tenant=tenant,
        job_id=f"{asset_id}-{number}",
        asset_id=asset_id,
        workflow="video",
        status=JobStatus.RUNNING,
        started_at=START,
    )


def a_match(tenant: str, a: str, b: str, *, score: float = 0.9, minutes: float = 0.0) -> Match:
    verdict = Verdict(
        match_class=MatchClass.NEAR,
        score=score,
        probability=0.9876,
        calibrated_on="a labelled set, 40 pairs, 2026-01-02",
        visual=score,
        audio=None,
        metadata=0.5,
        weights={"visual": 0.87, "metadata": 0.13},
        reason="the pictures agree",
        boundary=0.85,
        pairs=(FramePair(a_time=1.0, b_time=2.5, similarity=0.97),),
        engine="test/1",
    )
    at = START + timedelta(minutes=minutes)
    return Match(tenant=tenant, a=a, b=b, verdict=verdict, created_at=at, updated_at=at)


def begun(library: Library, tenant: str) -> tuple[Job, Asset]:
    """A job that runs, and its asset."""
    known, job = library.create(an_asset(tenant, "a1")), a_job(tenant, "a1")
    processing = known.changed(status=AssetStatus.PROCESSING, job_id=job.job_id)
    assert library.begin(job, known, processing)
    return job, processing


class LibraryContract:
    @pytest.fixture
    def tenant(self) -> str:
        return f"t-{uuid.uuid4().hex[:10]}"

    def test_an_asset_comes_back_as_it_was_saved(self, library: Library, tenant: str) -> None:
        info = MediaInfo(
            kind=MediaKind.VIDEO, format="mp4", content_type="video/mp4", width=640, height=360
        )
        asset = an_asset(tenant, "a1", info=info, sha256="ab" * 32, notes=("the file ends early",))
        library.create(asset)
        assert library.asset(tenant, "a1") == asset

    def test_create_keeps_the_first(self, library: Library, tenant: str) -> None:
        first = an_asset(tenant, "a1")
        assert library.create(first) == first
        assert library.create(an_asset(tenant, "a1", path="other.mp4")) == first
        assert library.asset(tenant, "a1") == first

    def test_unknown_ids_are_not_found(self, library: Library, tenant: str) -> None:
        for call in (
            lambda: library.asset(tenant, "nope"),
            lambda: library.job(tenant, "nope-1"),
            lambda: library.job(tenant, "nope"),
            lambda: library.match(tenant, "a:b"),
            lambda: library.match(tenant, "a"),
            lambda: library.match(tenant, ""),
            lambda: library.asset(tenant, ""),
            lambda: library.asset(tenant, "x" * 5000),
            lambda: library.job(tenant, "x" * 5000 + "-1"),
            lambda: library.job(tenant, "x-" + "1" * 5000),
        ):
            with pytest.raises(NotFound):
                call()
        assert library.assets(tenant, ["", "x" * 5000, "a#b"]) == []
        assert library.matches_of(tenant, "", limit=9, cursor=None).items == []

    def test_tenants_do_not_see_each_other(self, library: Library, tenant: str) -> None:
        other = f"{tenant}-x"
        begun(library, tenant)
        library.save_match(a_match(tenant, "a1", "a2"))
        for call in (
            lambda: library.asset(other, "a1"),
            lambda: library.job(other, "a1-1"),
            lambda: library.match(other, "a1:a2"),
        ):
            with pytest.raises(NotFound):
                call()
        assert library.assets(other, ["a1"]) == []
        assert library.matches_of(other, "a1", limit=9, cursor=None).items == []
        assert library.list_assets(other, status=None, limit=5, cursor=None).items == []
        assert library.list_matches(other, limit=5, cursor=None).items == []

    def test_assets_come_in_the_order_asked(self, library: Library, tenant: str) -> None:
        for name in ("a1", "a2", "a3"):
            library.create(an_asset(tenant, name))
        found = library.assets(tenant, ["a3", "gone", "a1", "a3"])
        assert [asset.asset_id for asset in found] == ["a3", "a1", "a3"]
        assert library.assets(tenant, []) == []

    def test_many_assets_at_once(self, library: Library, tenant: str) -> None:
        names = [f"a{i:03d}" for i in range(130)]
        for name in names:
            library.create(an_asset(tenant, name))
        assert [asset.asset_id for asset in library.assets(tenant, names)] == names

    def test_assets_are_listed_newest_first_in_pages(self, library: Library, tenant: str) -> None:
        for i in range(7):
            library.create(an_asset(tenant, f"a{i}", minutes=i * 0.01))
        seen: list[str] = []
        cursor, pages = None, 0
        while pages == 0 or cursor is not None:
            page = library.list_assets(tenant, status=None, limit=3, cursor=cursor)
            seen += [asset.asset_id for asset in page.items]
            cursor, pages = page.cursor, pages + 1
        assert seen == [f"a{i}" for i in range(6, -1, -1)]
        assert pages == 3

    def test_a_full_last_page_has_no_cursor(self, library: Library, tenant: str) -> None:
        for i in range(4):
            library.create(an_asset(tenant, f"a{i}", minutes=i))
        assert library.list_assets(tenant, status=None, limit=4, cursor=None).cursor is None

    def test_listing_by_status_fills_its_pages(self, library: Library, tenant: str) -> None:
        for i in range(12):
            status = AssetStatus.FAILED if i % 4 == 0 else AssetStatus.DONE
            library.create(an_asset(tenant, f"a{i:02d}", minutes=i, status=status))
        first = library.list_assets(tenant, status=AssetStatus.FAILED, limit=2, cursor=None)
        assert [asset.asset_id for asset in first.items] == ["a08", "a04"]
        rest = library.list_assets(tenant, status=AssetStatus.FAILED, limit=2, cursor=first.cursor)
        assert [asset.asset_id for asset in rest.items] == ["a00"]
        assert rest.cursor is None

    def test_jobs_are_not_listed_as_assets(self, library: Library, tenant: str) -> None:
        begun(library, tenant)
        page = library.list_assets(tenant, status=None, limit=10, cursor=None)
        assert [asset.asset_id for asset in page.items] == ["a1"]

    @pytest.mark.parametrize("cursor", ["", "x", "%%%", "bm90IGEgcG9zaXRpb24=", "é", "A" * 5000])
    def test_strange_cursors_are_refused(self, library: Library, tenant: str, cursor: str) -> None:
        with pytest.raises(InvalidCursor):
            library.list_assets(tenant, status=None, limit=3, cursor=cursor)
        with pytest.raises(InvalidCursor):
            library.list_matches(tenant, limit=3, cursor=cursor)

    def test_a_job_begins_once(self, library: Library, tenant: str) -> None:
        known = library.create(an_asset(tenant, "a1"))
        processing = known.changed(status=AssetStatus.PROCESSING, job_id="a1-1")
        assert library.begin(a_job(tenant, "a1"), known, processing)
        assert library.asset(tenant, "a1") == processing
        assert library.job(tenant, "a1-1") == a_job(tenant, "a1")
        done = processing.changed(status=AssetStatus.DONE)
        assert library.replace(processing, done)
        assert not library.begin(a_job(tenant, "a1"), done, processing)
        assert library.asset(tenant, "a1") == done

    def test_no_job_begins_by_an_outdated_asset(self, library: Library, tenant: str) -> None:
        known = library.create(an_asset(tenant, "a1"))
        refused = known.changed(status=AssetStatus.REFUSED)
        assert library.replace(known, refused)
        processing = known.changed(status=AssetStatus.PROCESSING, job_id="a1-1")
        assert not library.begin(a_job(tenant, "a1"), known, processing)
        assert library.asset(tenant, "a1") == refused
        with pytest.raises(NotFound):
            library.job(tenant, "a1-1")

    def test_no_job_begins_without_an_asset(self, library: Library, tenant: str) -> None:
        never = an_asset(tenant, "a1")
        assert not library.begin(a_job(tenant, "a1"), never, never.changed())
        assert not library.replace(never, never.changed())

    def test_one_of_many_begins_a_job(self, library: Library, tenant: str) -> None:
        known = library.create(an_asset(tenant, "a1"))

        def begin(_: int) -> bool:
            asset = known.changed(status=AssetStatus.PROCESSING)
            return library.begin(a_job(tenant, "a1"), known, asset)

        with ThreadPoolExecutor(6) as pool:
            assert sorted(pool.map(begin, range(6))) == [False] * 5 + [True]

    def test_a_job_ends_once(self, library: Library, tenant: str) -> None:
        job, processing = begun(library, tenant)
        done = processing.changed(status=AssetStatus.DONE)
        succeeded = job.model_copy(update={"status": JobStatus.SUCCEEDED, "matches": 3})
        assert library.end(succeeded, processing, done)
        failed = job.model_copy(update={"status": JobStatus.FAILED})
        assert not library.end(failed, done, done.changed(status=AssetStatus.FAILED))
        assert not library.end(failed)
        assert library.asset(tenant, "a1") == done
        assert library.job(tenant, "a1-1") == succeeded

    def test_a_job_that_never_began_does_not_end(self, library: Library, tenant: str) -> None:
        assert not library.end(a_job(tenant, "a1"))

    def test_a_job_ends_without_its_asset(self, library: Library, tenant: str) -> None:
        job, processing = begun(library, tenant)
        failed = job.model_copy(update={"status": JobStatus.FAILED})
        assert library.end(failed)
        assert library.job(tenant, "a1-1") == failed
        assert library.asset(tenant, "a1") == processing

    def test_no_job_ends_by_an_outdated_asset(self, library: Library, tenant: str) -> None:
        job, processing = begun(library, tenant)
        noted = processing.changed(notes=("the file ends early",))
        assert library.replace(processing, noted)
        succeeded = job.model_copy(update={"status": JobStatus.SUCCEEDED})
        assert not library.end(succeeded, processing, processing.changed(status=AssetStatus.DONE))
        assert library.asset(tenant, "a1") == noted
        assert library.job(tenant, "a1-1") == job

    def test_what_another_changed_is_not_replaced(self, library: Library, tenant: str) -> None:
        known = library.create(an_asset(tenant, "a1"))
        changed = known.changed(status=AssetStatus.PROCESSING)
        assert library.replace(known, changed)
        assert not library.replace(known, known.changed(status=AssetStatus.REFUSED))
        assert library.asset(tenant, "a1") == changed

    @pytest.mark.parametrize(
        ("later", "replaced"),
        [
            (timedelta(0), True),
            (timedelta(microseconds=400), True),
            (timedelta(milliseconds=1), False),
        ],
    )
    def test_a_state_is_told_by_its_time_to_the_millisecond(
        self, library: Library, tenant: str, later: timedelta, replaced: bool
    ) -> None:
        """And not by its other fields: a record stored before a field existed is read with the
        field's default, and is the same state."""
        stored = library.create(an_asset(tenant, "a1", updated_at=START + later, engine="e/1"))
        known = stored.model_copy(update={"updated_at": START, "engine": None})
        assert library.replace(known, known.changed(engine="e/2")) is replaced
        assert library.asset(tenant, "a1").engine == ("e/2" if replaced else "e/1")

    def test_a_change_in_the_same_millisecond_is_seen(self, library: Library, tenant: str) -> None:
        """Whatever the clock says: here it stands behind what is stored."""
        ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        known = library.create(an_asset(tenant, "a1", updated_at=ahead))
        first, second = known.changed(notes=("first",)), known.changed(notes=("second",))
        assert library.replace(known, first)
        assert not library.replace(known, second)
        assert library.asset(tenant, "a1") == first

    def test_a_match_is_found_from_both_sides(self, library: Library, tenant: str) -> None:
        match = a_match(tenant, "a1", "a2")
        library.save_match(match)
        assert library.match(tenant, "a1:a2") == match
        assert library.matches_of(tenant, "a1", limit=9, cursor=None).items == [match]
        assert library.matches_of(tenant, "a2", limit=9, cursor=None).items == [match]
        with pytest.raises(NotFound):
            library.match(tenant, "a2:a1")

    def test_a_match_keeps_its_first_time(self, library: Library, tenant: str) -> None:
        library.save_match(a_match(tenant, "a1", "a2", score=0.9))
        library.save_match(a_match(tenant, "a1", "a2", score=0.8, minutes=5))
        match = library.match(tenant, "a1:a2")
        assert match.created_at == START
        assert match.updated_at == START + timedelta(minutes=5)
        assert match.verdict.score == 0.8
        assert len(library.matches_of(tenant, "a2", limit=9, cursor=None).items) == 1
        assert len(library.list_matches(tenant, limit=5, cursor=None).items) == 1

    def test_matches_of_an_asset_come_page_by_page(self, library: Library, tenant: str) -> None:
        for other in ("a2", "a1", "a5", "a4", "a6"):
            library.save_match(a_match(tenant, *sorted(("a3", other))))
        library.save_match(a_match(tenant, "a1", "a2"))
        found: list[list[str]] = []
        cursor = None
        while cursor is not None or not found:
            page = library.matches_of(tenant, "a3", limit=2, cursor=cursor)
            found.append([match.match_id for match in page.items])
            cursor = page.cursor
        assert found == [["a1:a3", "a2:a3"], ["a3:a4", "a3:a5"], ["a3:a6"]]
        library.withdraw_match(tenant, "a3:a4", START)
        page = library.matches_of(tenant, "a3", limit=4, cursor="a2")
        assert [match.b for match in page.items] == ["a5", "a6"]
        assert (page.cursor, page.left_out) == (None, 1)
        page = library.matches_of(tenant, "a3", limit=1, cursor="a2")
        assert (page.items, page.cursor, page.left_out) == ([], "a4", 1)
        page = library.matches_of(tenant, "a3", limit=1, cursor="a4")
        assert ([match.b for match in page.items], page.left_out) == (["a5"], 0)

    def test_matches_are_read_by_their_ids(self, library: Library, tenant: str) -> None:
        for other in ("a2", "a3", "a4"):
            library.save_match(a_match(tenant, "a1", other))
        library.withdraw_match(tenant, "a1:a3", START)
        asked = ["a1:a4", "a1:a3", "a2:a1", "a1:a9", "", "a1:", "a1:a2"]
        assert [match.b for match in library.matches(tenant, asked)] == ["a4", "a2"]
        assert library.matches(f"{tenant}-x", asked) == []

    def test_matches_are_listed_once_newest_first(self, library: Library, tenant: str) -> None:
        for i in range(5):
            library.save_match(a_match(tenant, "a1", f"b{i}", minutes=i))
        first = library.list_matches(tenant, limit=3, cursor=None)
        rest = library.list_matches(tenant, limit=3, cursor=first.cursor)
        assert [match.b for match in [*first.items, *rest.items]] == ["b4", "b3", "b2", "b1", "b0"]
        assert rest.cursor is None

    def test_a_withdrawn_match_is_found_nowhere(self, library: Library, tenant: str) -> None:
        for b in ("b1", "b2"):
            library.save_match(a_match(tenant, "a1", b))
        for _ in range(2):
            library.withdraw_match(tenant, "a1:b1", START + timedelta(minutes=1))
        with pytest.raises(NotFound):
            library.match(tenant, "a1:b1")
        assert library.matches_of(tenant, "b1", limit=9, cursor=None).items == []
        assert [
            match.b for match in library.matches_of(tenant, "a1", limit=9, cursor=None).items
        ] == ["b2"]
        page = library.list_matches(tenant, limit=5, cursor=None)
        assert [match.b for match in page.items] == ["b2"]

    def test_a_withdrawn_match_may_come_back(self, library: Library, tenant: str) -> None:
        library.save_match(a_match(tenant, "a1", "b1"))
        library.withdraw_match(tenant, "a1:b1", START + timedelta(minutes=1))
        library.save_match(a_match(tenant, "a1", "b1", score=0.8, minutes=2))
        match = library.match(tenant, "a1:b1")
        assert (match.verdict.score, match.created_at) == (0.8, START)
        assert library.matches_of(tenant, "b1", limit=9, cursor=None).items == [match]
        assert library.list_matches(tenant, limit=5, cursor=None).items == [match]

    def test_withdrawing_what_was_never_stored_stores_nothing(
        self, library: Library, tenant: str
    ) -> None:
        library.withdraw_match(tenant, "a1:b1", START)
        assert library.matches_of(tenant, "a1", limit=9, cursor=None).items == []
        library.save_match(a_match(tenant, "a1", "b1", minutes=1))
        assert library.match(tenant, "a1:b1").created_at == START + timedelta(minutes=1)

    def test_both_sides_may_write_a_match_at_once(self, library: Library, tenant: str) -> None:
        def write(_: int) -> None:
            for other in ("a2", "a3", "a4"):
                library.save_match(a_match(tenant, "a1", other))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
        assert len(library.matches_of(tenant, "a1", limit=9, cursor=None).items) == 3
