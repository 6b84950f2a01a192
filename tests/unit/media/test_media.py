"""Probing and decoding odd and hostile files."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from filmgate.errors import MediaRefused
from filmgate.media.decode import decode
from filmgate.media.geometry import frame_orientation, rotation_orientation
from filmgate.media.limits import Limits
from filmgate.media.model import Decoded, Frame, MediaInfo, MediaKind
from filmgate.media.probe import probe
from filmgate.media.sampling import STANDARD_SAMPLING, SamplingSpec
from tests import media_factory as make

LIMITS = Limits()


def _all(
    path: Path, rate: float = 2.0, limits: Limits = LIMITS
) -> tuple[MediaInfo, list[Frame], Decoded]:
    info = probe(path, limits)
    decoded = decode(path, info, limits, sample_rate_hz=rate)
    return info, list(decoded.frames), decoded


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def _reference(rate: float, seconds: float, width: int = 160, height: int = 90) -> list[np.ndarray]:
    return [make.pattern(round(t * 25), width, height) for t in np.arange(0, seconds, 1 / rate)]


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (make.empty_file, "empty"),
        (make.text_called_mp4, "not_media"),
        (make.hls_called_mp4, "playlist"),
        (make.dash_called_mp4, "playlist"),
        (make.cut_in_half_index_last, "damaged"),
        (make.huge_png, "too_many_pixels"),
        (make.claims_samples, "too_large"),
        (make.claims_fragment, "too_large"),
        (make.claims_edits, "too_large"),
        (make.claims_raw_sound, "too_large"),
        (make.claims_long_index, "too_large"),
        (make.no_pictures, "no_pictures"),
        (make.no_streams, "no_streams"),
    ],
)
def test_bad_files_are_refused_with_a_reason(
    tmp_path: Path, build: Callable[[Path], Path], code: str
) -> None:
    path = build(tmp_path)
    with pytest.raises(MediaRefused) as caught:
        probe(path, LIMITS)
    assert caught.value.code == code
    assert caught.value.reason[0].isupper()
    assert caught.value.reason.endswith(".")


def test_a_playlist_is_never_fetched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        called = threading.Event()

        def listen() -> None:
            try:
                server.accept()
                called.set()
            except TimeoutError:
                pass

        listener = threading.Thread(target=listen)
        listener.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        for build in (make.hls_called_mp4, make.dash_called_mp4):
            with pytest.raises(MediaRefused):
                probe(build(tmp_path, url), LIMITS)
        listener.join()
    assert not called.is_set()


def test_limits_on_the_file_are_kept(tmp_path: Path) -> None:
    path = make.video(tmp_path / "a.mp4", seconds=2)
    for limits, code in (
        (Limits(max_file_bytes=100), "too_large"),
        (Limits(max_duration_s=1.0), "too_long"),
        (Limits(max_video_pixels=10_000), "too_many_pixels"),
    ):
        with pytest.raises(MediaRefused) as caught:
            probe(path, limits)
        assert caught.value.code == code


def test_a_video_cut_in_half_gives_what_is_there(tmp_path: Path) -> None:
    info, frames, decoded = _all(make.cut_in_half_index_first(tmp_path))
    assert info.duration_s == pytest.approx(12, abs=0.2)
    assert decoded.truncated
    assert 3 < frames[-1].time_s < 9
    assert decoded.audio is not None and decoded.audio.size > 8000 * 3


def test_pictures_are_those_shown_at_their_times(tmp_path: Path) -> None:
    _, frames, decoded = _all(make.many_groups(tmp_path), rate=2.5)
    assert [f.time_s for f in frames] == pytest.approx([i * 0.4 for i in range(15)])
    for frame, wanted in zip(frames, _reference(2.5, 6), strict=True):
        assert _difference(frame.rgb, wanted) < 6
    assert decoded.decode_errors == 0 and not decoded.truncated


@pytest.mark.parametrize(
    "options", [{"g": "10", "bf": "0"}, {"g": "250"}, {"x264-params": "open-gop=1:keyint=12"}]
)
@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_skipping_packets_changes_no_picture(
    tmp_path: Path, options: dict[str, str], container: str
) -> None:
    path = make.video(tmp_path / "a", seconds=4, codec_options=options, container_format=container)
    _, every, _ = _all(path, rate=25.0)
    _, some, _ = _all(path, rate=1.25)
    assert len(every) == 100
    by_time = {round(frame.time_s, 3): frame.rgb for frame in every}
    assert len(some) == 5
    for frame in some:
        assert np.array_equal(by_time[round(frame.time_s, 3)], frame.rgb)


_KEYS = {"g": "50", "keyint_min": "50", "sc_threshold": "0"}


@pytest.mark.parametrize(
    "options",
    [{"g": "25", "bf": "0"}, _KEYS, {"x264-params": "open-gop=1:keyint=50"}, {"g": "250"}],
)
@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_no_gap_exceeds_the_allowed_one_and_pictures_are_true(
    tmp_path: Path, options: dict[str, str], container: str
) -> None:
    path = make.video(tmp_path / "a", seconds=6, codec_options=options, container_format=container)
    info = probe(path, LIMITS)
    first, again = (
        list(decode(path, info, LIMITS, sample_rate_hz=4.0, max_sampling_gap_s=0.9).frames)
        for _ in range(2)
    )
    _, every, _ = _all(path, rate=25.0)
    times = [frame.time_s for frame in first]
    assert times[0] == 0.0
    assert max(np.diff([*times, 6.0])) <= 0.9 + 0.04 + 1e-6
    for one, other in zip(first, again, strict=True):
        assert one.time_s == other.time_s and np.array_equal(one.rgb, other.rgb)
        # The picture that was stored for that time, and not one beside it.
        away = [_difference(one.rgb, frame.rgb) for frame in every]
        assert every[int(np.argmin(away))].time_s == pytest.approx(one.time_s, abs=1e-3)


@pytest.mark.parametrize(
    ("codec", "extension"),
    [
        ("libx265", "mp4"),
        ("libvpx", "webm"),
        ("libvpx-vp9", "webm"),
        ("libsvtav1", "mp4"),
        ("mpeg4", "avi"),
        ("mpeg2video", "ts"),
        ("ffv1", "mkv"),
    ],
)
def test_every_codec_keeps_the_allowed_gap(tmp_path: Path, codec: str, extension: str) -> None:
    options = {"bf": "2"} if codec.startswith("mpeg") else {}
    options |= {} if codec == "ffv1" else {"g": "40"}
    path = make.video(tmp_path / f"a.{extension}", seconds=5, codec=codec, codec_options=options)
    info = probe(path, LIMITS)
    _, every, _ = _all(path, rate=25.0)
    decoded = decode(path, info, LIMITS, sample_rate_hz=4.0, max_sampling_gap_s=0.5)
    frames = list(decoded.frames)
    assert not decoded.decode_errors and not decoded.truncated
    assert max(np.diff([*(frame.time_s for frame in frames), 5.0])) <= 0.5 + 0.04 + 1e-3
    for frame in frames:
        away = [_difference(frame.rgb, other.rgb) for other in every]
        assert every[int(np.argmin(away))].time_s == pytest.approx(frame.time_s, abs=2e-3)


def test_an_allowed_gap_decodes_fewer_pictures(tmp_path: Path) -> None:
    path = make.video(tmp_path / "a.mp4", seconds=8, codec_options={"g": "25", "bf": "0"})
    info = probe(path, LIMITS)
    few = LIMITS.model_copy(update={"max_decoded_frames": 60})
    exact = decode(path, info, few, sample_rate_hz=4.0)
    thin = decode(path, info, few, sample_rate_hz=4.0, max_sampling_gap_s=0.9)
    assert len(list(exact.frames)) < 16 and exact.truncated
    assert [frame.time_s for frame in thin.frames][-1] >= 7.0 and not thin.truncated


def test_variable_rate_goes_by_presentation_time(tmp_path: Path) -> None:
    info, frames, _ = _all(make.variable_rate(tmp_path))
    assert [f.time_s for f in frames] == pytest.approx([0.0, 1.4, 3.0, 6.0], abs=1e-3)
    assert info.duration_s >= 6.0
    for frame in frames:
        assert _difference(frame.rgb, make.pattern(frame.time_s * 25)) < 5


def test_one_frame_is_a_video_of_one_picture(tmp_path: Path) -> None:
    info, frames, _ = _all(make.one_frame(tmp_path))
    assert info.kind is MediaKind.VIDEO
    assert [f.time_s for f in frames] == [0.0]


@pytest.mark.parametrize(
    ("build", "size"),
    [
        (make.ten_bit, (160, 90)),
        (lambda folder: make.ten_bit(folder, "libx265"), (160, 90)),
        (make.odd_size, (131, 77)),
        (make.padded, (150, 86)),
        (
            lambda folder: make.video(folder / "j.mp4", seconds=1, pixel_format="yuvj420p"),
            (160, 90),
        ),
        (
            lambda folder: make.video(
                folder / "r.mkv", seconds=1, codec="ffv1", pixel_format="bgr0"
            ),
            (160, 90),
        ),
    ],
)
def test_unusual_pixels_come_out_right(
    tmp_path: Path, build: Callable[[Path], Path], size: tuple[int, int]
) -> None:
    info, frames, _ = _all(build(tmp_path))
    assert (info.width, info.height) == size
    assert _difference(frames[0].rgb, make.pattern(0, *size)) < 5


def test_gray_video(tmp_path: Path) -> None:
    _, frames, _ = _all(
        make.video(tmp_path / "g.mkv", seconds=1, codec="ffv1", pixel_format="gray")
    )
    assert np.ptp(frames[0].rgb.astype(int), axis=2).max() <= 1


def test_pixel_shape_is_applied(tmp_path: Path) -> None:
    info, frames, _ = _all(make.wide_pixels(tmp_path))
    assert (info.width, info.height) == (160, 90)
    assert frames[0].rgb.shape == (90, 160, 3)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (270, 3), (-90, 3)])
def test_display_matrix_is_applied(tmp_path: Path, degrees: int, turns: int) -> None:
    info, frames, _ = _all(make.rotated(tmp_path, degrees))
    wanted = np.rot90(make.pattern(0), turns)
    assert (info.height, info.width) == wanted.shape[:2]
    assert _difference(frames[0].rgb, wanted) < 5


@pytest.mark.parametrize("extension", ["wav", "mp3", "m4a", "ogg", "flac", "aac", "mp4"])
def test_sound_alone_is_audio(tmp_path: Path, extension: str) -> None:
    info, frames, decoded = _all(make.audio_alone(tmp_path, extension))
    assert info.kind is MediaKind.AUDIO
    assert info.duration_s == pytest.approx(3.0, abs=0.1)
    assert frames == []
    assert decoded.audio is not None and decoded.audio.dtype == np.float32
    assert decoded.audio.size == pytest.approx(24_000, abs=800)
    assert 0.3 < np.abs(decoded.audio).max() <= 1.0
    assert not decoded.truncated


def test_cover_art_makes_no_video(tmp_path: Path) -> None:
    assert probe(make.still_with_sound(tmp_path), LIMITS).kind is MediaKind.AUDIO


def test_silence_is_an_audio_track(tmp_path: Path) -> None:
    info, _, decoded = _all(make.silent_audio(tmp_path))
    assert info.audio_codec == "aac"
    assert decoded.audio is not None and np.abs(decoded.audio).max() < 1e-3


def test_a_video_without_sound_has_none(tmp_path: Path) -> None:
    assert _all(make.one_frame(tmp_path))[2].audio is None


def test_sound_that_starts_late_keeps_its_place(tmp_path: Path) -> None:
    path = make.video(tmp_path / "a.mkv", seconds=3, audio="pcm_s16le", audio_start_s=1.0)
    audio = _all(path)[2].audio
    assert audio is not None
    assert np.abs(audio[:7800]).max() < 1e-3
    assert np.abs(audio[8100:9000]).max() > 0.2


@pytest.mark.parametrize("extension", ["gif", "webp", "png", "avif"])
def test_animations_are_videos(tmp_path: Path, extension: str) -> None:
    info, frames, _ = _all(make.animation(tmp_path, extension), rate=5.0)
    assert info.kind is MediaKind.VIDEO
    assert info.duration_s == pytest.approx(1.6, abs=0.01)
    assert [f.time_s for f in frames] == pytest.approx([i / 5 for i in range(8)], abs=0.01)
    limit = 12 if extension in ("gif", "avif") else 2
    for i, frame in enumerate(frames):
        assert _difference(frame.rgb, make.pattern(i * 5)) < limit


@pytest.mark.parametrize("extension", ["gif", "webp", "png", "avif"])
def test_one_picture_makes_a_still(tmp_path: Path, extension: str) -> None:
    info, frames, _ = _all(make.animation(tmp_path, extension, frames=1))
    assert info.kind is MediaKind.IMAGE and info.duration_s == 0.0
    assert len(frames) == 1


@pytest.mark.parametrize("mode", make.IMAGE_MODES)
def test_every_mode_of_image_decodes_alike(tmp_path: Path, mode: str) -> None:
    info, [frame], _ = _all(make.image_in_mode(tmp_path, mode))
    assert (info.kind, info.width, info.height) == (MediaKind.IMAGE, 320, 180)
    assert frame.rgb.shape == (144, 256, 3) and frame.rgb.dtype == np.uint8
    _, [plain], _ = _all(make.image_in_mode(tmp_path, "rgb"))
    luma = np.array([0.299, 0.587, 0.114])
    a, b = frame.rgb @ luma, plain.rgb @ luma
    if "alpha" in mode:
        assert a[:, :4].min() > 240, "transparency is shown on white"
        a, b = a[:, -20:], b[:, -20:]
        assert np.abs(a - b).mean() < 14
        return
    # Averages over 8x8 pixels, for one bit a pixel shows tones by dots.
    a, b = (x.reshape(18, 8, 32, 8).mean(axis=(1, 3)) for x in (a, b))
    assert np.abs(a - b).mean() < (40 if mode == "lab" else 4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["jpg", "tiff", "png"])
def test_exif_turns_are_applied(tmp_path: Path, orientation: int, extension: str) -> None:
    info, [frame], _ = _all(make.exif_turned(tmp_path, orientation, extension))
    _, [plain], _ = _all(make.image_in_mode(tmp_path, "rgb"))
    assert (info.width, info.height) == (320, 180)
    assert (info.camera, info.created_at) == ("Acme Box 1", "2024:05:06 07:08:09")
    assert _difference(frame.rgb, plain.rgb) < 4


def test_a_picture_that_grows_midway_is_bounded(tmp_path: Path) -> None:
    path = make.grows(tmp_path)
    _, frames, decoded = _all(path)
    assert max(max(f.rgb.shape) for f in frames) <= STANDARD_SAMPLING.frame_side
    assert {f.rgb.shape for f in frames} == {(90, 160, 3), (144, 256, 3)}
    capped = Limits(max_video_pixels=200 * 200)
    _, frames, decoded = _all(path, limits=capped)
    assert {f.rgb.shape for f in frames} == {(90, 160, 3)}
    assert decoded.decode_errors > 0


@pytest.mark.parametrize(
    "limits",
    [
        Limits(max_wall_s=0.0),
        Limits(max_decoded_frames=3),
        Limits(max_decode_errors=-1),
    ],
)
def test_limits_while_decoding_cut_short(tmp_path: Path, limits: Limits) -> None:
    path = make.many_groups(tmp_path)
    info = probe(path, LIMITS)
    decoded = decode(path, info, limits, sample_rate_hz=25.0)
    try:
        assert len(list(decoded.frames)) < 30
    except MediaRefused as refusal:
        assert refusal.code == "damaged"
    assert decoded.truncated


@pytest.mark.parametrize(
    "build",
    [
        make.many_groups,
        lambda folder: make.animation(folder, "gif"),
        lambda folder: make.image_in_mode(folder, "rgb"),
    ],
)
def test_the_specification_sets_side_and_rate(
    tmp_path: Path, build: Callable[[Path], Path]
) -> None:
    path = build(tmp_path)
    info = probe(path, LIMITS)
    sampling = SamplingSpec(name="test", version=2, frame_side=64, audio_rate_hz=16_000)
    standard, other = (
        decode(path, info, LIMITS, sample_rate_hz=1.0, sampling=spec)
        for spec in (STANDARD_SAMPLING, sampling)
    )
    first = [frame.rgb.shape for frame in standard.frames]
    assert {max(frame.rgb.shape) for frame in other.frames} == {64}
    assert max(first[0]) > 64
    assert (standard.audio_rate_hz, other.audio_rate_hz) == (8000, 16_000)
    if standard.audio is not None and other.audio is not None:
        assert other.audio.size == pytest.approx(2 * standard.audio.size, rel=1e-3)
    with pytest.raises(ValueError, match="frozen"):
        sampling.frame_side = 32  # type: ignore[misc]


def test_limits_hold_nothing_that_shapes_results() -> None:
    # Settings of an earlier release may still name it.
    assert "working_side" not in Limits.model_validate({"working_side": 64}).model_dump()


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_orientation_by_angle_and_by_matrix_agree(tmp_path: Path, degrees: int) -> None:
    with av.open(str(make.rotated(tmp_path, degrees))) as container:
        frame = next(container.decode(video=0))
        assert rotation_orientation(frame.rotation) == frame_orientation(frame)


def test_a_long_video_is_sampled_thinner_not_cut(tmp_path: Path) -> None:
    _, frames, decoded = _all(
        make.many_groups(tmp_path), rate=25.0, limits=Limits(max_sampled_frames=10)
    )
    assert 9 <= len(frames) <= 10
    assert frames[-1].time_s > 5
    assert not decoded.truncated


def test_a_jpeg_of_endless_scans_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scans.jpg"
    make.exif_turned(tmp_path, 1).rename(path)
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    path.write_bytes(path.read_bytes()[:-2] + scan * 5000 + b"\xff\xd9")
    with pytest.raises(MediaRefused):
        _all(path)


@pytest.mark.timeout(120)
def test_an_index_longer_than_the_file_ends(tmp_path: Path) -> None:
    path = make.audio_alone(tmp_path, "m4a")
    data = bytearray(path.read_bytes())
    at = data.index(b"stsz") + 8
    data[at : at + 8] = (1).to_bytes(4, "big") + (50_000_000).to_bytes(4, "big")
    path.write_bytes(data)
    with contextlib.suppress(MediaRefused):
        _all(path, limits=Limits(max_wall_s=5))


def test_notes_longer_than_the_sound_file_cost_no_memory(tmp_path: Path) -> None:
    path = make.audio_alone(tmp_path, "wav", seconds=0.2)
    data = bytearray(path.read_bytes())
    at = data.index(b"LIST") + 4
    data[at : at + 4] = (2_500_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MediaRefused):
        probe(path, LIMITS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.shared
def test_real_files_decode(shared_data: Path) -> None:
    videos = [
        shared_data / "videos" / name
        for name in (
            "phone/test-padded-dimensions.mp4",
            "film/friday.mp4",
            "gif/classroom.gif",
            "gestures/bird.mkv",
        )
    ]
    for path in videos:
        info, frames, decoded = _all(path)
        assert info.kind is MediaKind.VIDEO
        assert abs(len(frames) - 2 * info.duration_s) <= 1.5
        assert not decoded.truncated and not decoded.decode_errors


@pytest.mark.shared
def test_real_images_in_every_mode_show_one_picture(shared_data: Path) -> None:
    folder = shared_data / "images" / "modes"
    _, [original], _ = _all(folder / "original.jpg")
    for path in sorted(folder.iterdir()):
        if path.name in ("small.jpg", "wee.jpg"):
            continue
        _, [frame], _ = _all(path)
        a, b = frame.rgb.mean(axis=2).ravel(), original.rgb.mean(axis=2).ravel()
        assert np.corrcoef(a, b)[0, 1] > 0.95, path.name
