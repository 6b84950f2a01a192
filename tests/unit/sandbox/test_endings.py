"""However a child ends, the parent says in plain words what that means, and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from filmgate.errors import FilmgateError, MediaRefused, TransientError
from filmgate.media.limits import Limits
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.sandbox.model import MIB, Budget, Ended, Exit, Request
from filmgate.sandbox.reader import SandboxedReader, answer_of
from tests.unit.sandbox.world import BARE, HOSTILE, World, alive, wait_for

LIMITS = Limits()
INFO = MediaInfo(kind=MediaKind.IMAGE, format="jpeg", content_type="image/jpeg", width=1, height=1)
BUDGET = Budget(memory_bytes=512 * MIB, cpu_s=1, wall_s=1, answer_bytes=MIB)
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs what only Linux has")

LIES = [
    "nothing",
    "noise",
    "a pickle",
    "a pickle in a head",
    "a long head",
    "a deep head",
    "an unknown outcome",
    "a field too many",
    "a code with markup",
    "a reason with escapes",
    "a refusal without words",
    "parts too long",
    "parts below nothing",
    "no parts",
    "bytes after the end",
    "other facts",
    "endless",
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.zygote.close()


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxedReader]:
    reader = SandboxedReader(1024 * MIB, jobs=HOSTILE)
    yield reader
    reader.close()


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_makes_no_sense_refuses_the_file(
    world: World, reader: SandboxedReader, lie: str
) -> None:
    path = world.file(lie)
    for ask in (
        lambda: reader.probe(path, LIMITS),
        lambda: reader.read(path, "0" * 64, INFO, LIMITS, pictures=True),
    ):
        with pytest.raises(MediaRefused, match="invalid answer") as caught:
            ask()
        assert caught.value.code == "damaged"
    assert not Path("/tmp/filmgate-was-unpickled").exists()


@pytest.mark.parametrize(
    ("words", "how"), [("crash", "SIGSEGV"), ("abort", "SIGABRT"), ("leave", "status 7")]
)
def test_a_decoder_that_crashes_refuses_its_file_and_no_other(
    world: World, reader: SandboxedReader, words: str, how: str
) -> None:
    with pytest.raises(MediaRefused, match=how) as caught:
        reader.probe(world.file(words), LIMITS)
    assert caught.value.code == "damaged"
    with pytest.raises(MediaRefused) as refused:
        reader.probe(world.file("refuse"), LIMITS)
    assert refused.value.code == "playlist"


def test_a_refusal_comes_through_in_bounds(world: World, reader: SandboxedReader) -> None:
    with pytest.raises(MediaRefused) as caught:
        reader.probe(world.file("refuse"), LIMITS)
    assert caught.value.reason.startswith("It is a playlist. With a  [31mcolour!")
    assert len(caught.value.reason) == 500


def test_a_fault_of_ours_is_no_refusal(world: World, reader: SandboxedReader) -> None:
    with pytest.raises(FilmgateError, match="KeyError: 'a fault of ours'") as caught:
        reader.probe(world.file("fail"), LIMITS)
    assert type(caught.value) is FilmgateError


@ON_LINUX
@pytest.mark.parametrize("words", ["private bomb", "shared bomb", "caught bomb"])
def test_memory_is_bounded_and_its_lack_is_not_the_files_fault(
    world: World, reader: SandboxedReader, words: str
) -> None:
    with pytest.raises(TransientError, match="ran out of memory; a file may use 512 MB"):
        reader.probe(world.file(words), LIMITS)
    assert world.run(words).how.peak_bytes < 1200 * MIB


def test_processor_time_is_bounded(world: World) -> None:
    ended = world.run("burn", cpu_s=1)
    assert ended.how.signal == signal.SIGXCPU
    assert ended.how.cpu_s < 2
    with pytest.raises(MediaRefused) as caught:
        answer_of(ended, BUDGET)
    assert caught.value.code == "too_slow"


def test_a_child_dies_at_its_deadline(world: World) -> None:
    ended = world.run("hang", wall_s=1)
    assert ended.how.overdue
    assert not alive(int(ended.answer))
    with pytest.raises(MediaRefused) as caught:
        answer_of(ended, BUDGET)
    assert caught.value.code == "too_slow"


def test_a_kill_by_the_system_is_a_lack_of_memory() -> None:
    with pytest.raises(TransientError, match="memory"):
        answer_of(Ended(b"", Exit(signal=signal.SIGKILL)), BUDGET)


@ON_LINUX
@pytest.mark.parametrize("leave", [False, True])
def test_what_a_child_started_dies_with_it(tmp_path: Path, leave: bool) -> None:
    world = World(tmp_path, BARE)
    try:
        ended = world.run("breed", wall_s=1.0, leave=leave)
        started = [int(pid) for pid in ended.answer.split()]
        assert len(started) == 3
        wait_for(lambda: not any(map(alive, started)))
        assert ended.how.overdue is not leave
    finally:
        world.zygote.close()


def test_the_answer_stops_at_its_bound(world: World) -> None:
    ended = world.run("endless", answer_bytes=100_000)
    assert ended.too_long
    assert ended.answer == b""


def test_a_zygote_that_died_between_files_is_not_missed(world: World) -> None:
    world.ask_child("surroundings")
    first = world.zygote.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: not alive(first))
    world.ask_child("surroundings")
    assert world.zygote.pid not in (None, first)


def test_a_zygote_that_dies_in_mid_file_costs_one_try(world: World) -> None:
    world.ask_child("surroundings")
    pid = world.zygote.pid
    assert pid is not None
    killer = threading.Timer(1.0, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(TransientError, match="ended unexpectedly"):
        world.run("hang")
    world.ask_child("surroundings")


def test_a_zygote_that_cannot_start_says_why(tmp_path: Path) -> None:
    world = World(tmp_path, "tests.there_is_no_such_module")
    with pytest.raises(FilmgateError, match="ModuleNotFoundError"):
        world.run("surroundings")


def test_threads_share_a_zygote(world: World) -> None:
    def ask(number: int) -> int:
        for _ in range(5):
            found = world.zygote.run(
                Request(job="act", path=str(paths[number]), arguments="", budget=budget)
            )
            assert str(number).encode() in found.answer
        return number

    budget = Budget(memory_bytes=512 * MIB, cpu_s=30, wall_s=60, answer_bytes=MIB)
    paths = []
    for number in range(4):
        path = world.folder / f"{number}.txt"
        path.write_text(f'echo\n{{"words": "{number}"}}', encoding="utf-8")
        paths.append(path)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == [0, 1, 2, 3]


@ON_LINUX
def test_a_hundred_files_leave_nothing_behind(world: World) -> None:
    def held() -> tuple[int, int]:
        """Room for file descriptors, and KiB of memory, of the zygote."""
        text = Path(f"/proc/{world.zygote.pid}/status").read_text(encoding="ascii")
        rows = dict(line.split(":", 1) for line in text.splitlines())
        return int(rows["FDSize"]), int(rows["VmRSS"].split()[0])

    def mine() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(5):
        world.run("refuse")
    before, open_before = held(), mine()
    for number in range(100):
        world.run(("refuse", "crash", "endless", "leave")[number % 4])
    after = held()
    assert after[0] == before[0]
    assert after[1] < before[1] + 2048
    assert mine() == open_before


@ON_LINUX
def test_nobody_outlives_the_product(tmp_path: Path) -> None:
    path = World(tmp_path).file("hang")
    code = f"""
import sys
from filmgate.sandbox.model import Budget, Request
from filmgate.sandbox.process import Zygote
zygote = Zygote({HOSTILE!r})
zygote.capabilities()
print(zygote.pid, flush=True)
budget = Budget(memory_bytes=2**29, cpu_s=60, wall_s=600, answer_bytes=2**20)
zygote.run(Request(job="act", path={str(path)!r}, arguments="", budget=budget))
"""
    product = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert product.stdout is not None
    zygote = int(product.stdout.readline())

    def children() -> list[int]:
        listed = Path(f"/proc/{zygote}/task/{zygote}/children").read_text(encoding="ascii")
        return [int(pid) for pid in listed.split()]

    wait_for(lambda: bool(children()))
    pids = [zygote, *children()]
    product.kill()
    product.wait()
    product.stdout.close()
    wait_for(lambda: not any(map(alive, pids)))
