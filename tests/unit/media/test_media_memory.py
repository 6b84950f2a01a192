"""Decoding keeps no picture longer than needed, and running out of memory is not damage."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

from filmgate.media.decode import decode
from filmgate.media.limits import Limits
from filmgate.media.memory import RESERVE_BYTES, memory_is_short
from filmgate.media.probe import probe
from tests import media_factory as make

LIMITS = Limits()


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Leave cycles in memory, as between two runs of the collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _live_frames() -> int:
    return sum(isinstance(thing, VideoFrame) for thing in gc.get_objects())


@pytest.mark.parametrize(
    "build",
    [make.many_groups, make.rotated, make.variable_rate, make.grows, make.motion_jpeg_with_exif],
)
@pytest.mark.usefixtures("uncollected")
def test_no_frame_outlives_its_use(tmp_path: Path, build: Callable[[Path], Path]) -> None:
    path = build(tmp_path)
    before = _live_frames()
    info = probe(path, LIMITS)
    assert _live_frames() == before
    decoded = decode(path, info, LIMITS, sample_rate_hz=25.0)
    # The decoder returns at most a few frames at a time, and all that are left at the end.
    most = max(_live_frames() for number, _ in enumerate(decoded.frames) if number % 8 == 0)
    assert most - before <= 20
    assert _live_frames() == before


# VmHWM, because ru_maxrss of a new process begins at the memory of the one that started it.
_PEAK = """
import re, sys
from pathlib import Path
from filmgate.media.decode import decode
from filmgate.media.limits import Limits
from filmgate.media.probe import probe
path = Path(sys.argv[1])
info = probe(path, Limits())
frames = sum(1 for _ in decode(path, info, Limits(), sample_rate_hz=8.0).frames)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(frames, int(peak[1]) * 1024)
"""


def _peak(path: Path, frames: int) -> int:
    """The most memory in bytes that a process takes that decodes a file of so many frames."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True
    )
    decoded, peak = map(int, done.stdout.split())
    assert decoded == frames
    return peak


@pytest.mark.parametrize("size", [(3840, 2160), (7680, 4320)])
def test_peak_memory_does_not_grow_with_the_frames(tmp_path: Path, size: tuple[int, int]) -> None:
    few, many = (
        _peak(make.large_video(tmp_path, size, frames), frames=frames) for frames in (4, 14)
    )
    frame_bytes = size[0] * size[1] * 3 // 2
    assert many - few < 4 * frame_bytes
    assert many < 12 * frame_bytes + 400 * 1024**2


_SHORT = """
import resource, sys
from pathlib import Path
from filmgate.errors import MediaRefused, TransientError
from filmgate.media.decode import decode
from filmgate.media.limits import Limits
from filmgate.media.probe import probe
small, path, spare, step = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def work(path):
    info = probe(path, Limits())
    if step == "probe":
        return True
    decoded = decode(path, info, Limits(), sample_rate_hz=8.0)
    frames = sum(1 for _ in decoded.frames)
    return frames == int(sys.argv[5]) and not decoded.truncated and not decoded.decode_errors
# Once without a bound, so that all modules are loaded.
work(small)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + spare, -1))
try:
    print("whole" if work(path) else "partial")
except TransientError:
    print("transient")
except MediaRefused as refusal:
    print(refusal.code)
"""
MIB = 1024**2


def _outcomes(small: Path, large: Path, step: str, frames: int) -> list[str]:
    """What comes of a file in processes that may take 0, 32, 128 and 4000 MiB more."""
    outcomes = []
    for spare in (0, 32, 128, 4000):
        arguments = [str(small), str(large), str(spare * MIB), step, str(frames)]
        done = subprocess.run(
            [sys.executable, "-c", _SHORT, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        outcomes.append(done.stdout.strip())
    return outcomes


BUILDERS: dict[str, Callable[[Path, int], Path]] = {
    "video": lambda folder, side: make.large_video(folder, (side, side // 2), 6),
    "png": lambda folder, side: make.narrow_png(folder, side, side),
    "gif": lambda folder, side: make.large_gif(folder, side, 3),
    "webp": lambda folder, side: make.large_webp(folder, side, 3),
    "apng": lambda folder, side: make.large_apng(folder, side, 3),
}
FRAMES = {"video": 6, "png": 1, "gif": 1, "webp": 1, "apng": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS and /proc")
@pytest.mark.parametrize("kind", BUILDERS)
def test_running_out_of_memory_is_transient(tmp_path: Path, kind: str) -> None:
    small, large = BUILDERS[kind](tmp_path, 64), BUILDERS[kind](tmp_path, 4000)
    outcomes = _outcomes(small, large, "decode", FRAMES[kind])
    assert outcomes[0] == "transient" and outcomes[-1] == "whole"
    assert set(outcomes) == {"transient", "whole"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_AS and /proc")
def test_probing_without_memory_is_transient(tmp_path: Path) -> None:
    small, large = (make.large_video(tmp_path, size, 2) for size in ((64, 32), (7680, 4320)))
    outcomes = _outcomes(small, large, "probe", 0)
    assert outcomes[0] == "transient" and outcomes[-1] == "whole"
    assert set(outcomes) == {"transient", "whole"}


def test_this_process_has_memory() -> None:
    assert not memory_is_short() and RESERVE_BYTES == 512 * MIB
