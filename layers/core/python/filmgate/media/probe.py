"""Read what a file contains from its head and its index, without decoding it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

from filmgate.errors import MediaRefused
from filmgate.media.clean_values import clean_duration
from filmgate.media.limits import Limits
from filmgate.media.memory import raise_if_out_of_memory, transient_memory_errors
from filmgate.media.model import MediaInfo, MediaKind
from filmgate.media.sniff import (
    ANIMATED_FORMATS,
    CONTENT_TYPES,
    HEAD_BYTES,
    IMAGE_FORMATS,
    Sniffed,
    sniff,
)

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_FIRST_PICTURE_PACKETS = 4096
"""Packets of any stream in which the first picture is looked for. They are more than a minute of
sound, which is more than any muxer writes before the first picture."""


def probe(path: Path, limits: Limits) -> MediaInfo:
    """Identify a local file and read its metadata.

    Raises:
        MediaRefused: with one of the codes of `filmgate.media.sniff.sniff`, or ``too_large``,
            ``too_many_pixels``, ``too_long``, ``no_streams``, ``no_pictures``, ``unsupported``
            or ``damaged``.
        TransientError: memory ran out.
    """
    with transient_memory_errors():
        return _probe(path, limits)


def _probe(path: Path, limits: Limits) -> MediaInfo:
    size = path.stat().st_size
    if size > limits.max_file_bytes:
        raise MediaRefused(
            "too_large",
            f"The file has {size / 1e9:.1f} GB; {limits.max_file_bytes / 1e9:.1f} GB are allowed. "
            "Split it or encode it smaller.",
        )
    with path.open("rb") as file:
        sniffed = sniff(file.read(HEAD_BYTES))
    if sniffed.format in IMAGE_FORMATS | ANIMATED_FORMATS:
        info = _probe_image(path, sniffed, limits)
    else:
        info = _probe_container(path, sniffed, limits)
    if info.duration_s > limits.max_duration_s:
        raise MediaRefused(
            "too_long",
            f"The file runs for {info.duration_s / 3600:.1f} hours; "
            f"{limits.max_duration_s / 3600:.1f} are allowed. Split it into shorter parts.",
        )
    return info


def _probe_image(path: Path, sniffed: Sniffed, limits: Limits) -> MediaInfo:
    from filmgate.media.animation import (  # noqa: PLC0415
        Animation,
        check_animation,
        read_animation,
    )
    from filmgate.media.image import exif_facts, exif_orientation, open_image  # noqa: PLC0415

    name = sniffed.format
    animation = Animation(())
    if name in ANIMATED_FORMATS or name == "png":
        animation = read_animation(path, name, limits)
        if name in ("png", "apng"):
            name = "apng" if len(animation.durations_s) > 1 else "png"
    durations = animation.durations_s
    moving = len(durations) > 1
    with open_image(path, name, limits, moving=moving) as image:
        width, height = image.size
        if moving:
            check_animation(animation, image.size, limits)
        if exif_orientation(image).transpose and name != "tiff":
            width, height = height, width
        created_at, camera = exif_facts(image)
    duration_s = sum(durations) if moving else 0.0
    return MediaInfo(
        kind=MediaKind.VIDEO if moving else MediaKind.IMAGE,
        format=name,
        content_type=CONTENT_TYPES[name],
        width=width,
        height=height,
        duration_s=duration_s,
        frame_rate=len(durations) / duration_s if moving else None,
        video_codec=name if moving else None,
        created_at=created_at,
        camera=camera,
    )


def _probe_container(path: Path, sniffed: Sniffed, limits: Limits) -> MediaInfo:
    from filmgate.media.container import main_audio, main_video, open_container  # noqa: PLC0415

    with open_container(path, sniffed.format, limits) as container:
        video, audio = main_video(container), main_audio(container)
        first = None
        if video is not None:
            _check_pixels(video.width * video.height, limits)
            has_packets, first = _first_picture(container, video, audio)
            video = video if has_packets else None
        if video is None and audio is None:
            raise _nothing_usable(container)
        return _info(container, sniffed, video, audio, first)


def _check_pixels(pixels: int, limits: Limits) -> None:
    if pixels > limits.max_video_pixels:
        raise MediaRefused(
            "too_many_pixels",
            f"The video's pictures have {pixels / 1e6:.0f} million pixels; "
            f"{limits.max_video_pixels / 1e6:.0f} million are allowed. Upload a smaller version.",
        )


def _first_picture(
    container: InputContainer, video: VideoStream, audio: AudioStream | None
) -> tuple[bool, VideoFrame | None]:
    """Return whether the stream has any packet, and its first picture if one soon decodes."""
    import av  # noqa: PLC0415

    streams = [stream for stream in (video, audio) if stream is not None]
    has_packets = False
    try:
        for packet in islice(container.demux(streams), _FIRST_PICTURE_PACKETS):
            if packet.stream is not video or not packet.size:
                continue
            has_packets = True
            frames = video.codec_context.decode(cast("Packet[VideoStream]", packet))
            if frames:
                return True, frames[0]
        drained = video.codec_context.decode(None) if has_packets else []
    except (av.FFmpegError, IndexError) as error:
        raise_if_out_of_memory(error)
        # Decoding will skip a damaged beginning. PyAV raises an IndexError where a track appears
        # only after the file was opened.
        return True, None
    return has_packets, drained[0] if drained else None


def _nothing_usable(container: InputContainer) -> MediaRefused:
    if not len(container.streams):
        return MediaRefused(
            "no_streams",
            "The file is a container with nothing in it. Export it again and upload the result.",
        )
    coded = [*container.streams.video, *container.streams.audio]
    if any(stream.codec_context is None for stream in coded):
        return MediaRefused(
            "unsupported",
            "The file is coded in a way that cannot be read here. Convert it to MP4 with H.264 "
            "and AAC and upload that.",
        )
    return MediaRefused(
        "no_pictures",
        "The file has neither pictures nor sound, only other data such as subtitles. "
        "Check that the export included the video.",
    )


def _info(
    container: InputContainer,
    sniffed: Sniffed,
    video: VideoStream | None,
    audio: AudioStream | None,
    first: VideoFrame | None,
) -> MediaInfo:
    from filmgate.media.geometry import (  # noqa: PLC0415
        UPRIGHT,
        display_size,
        frame_orientation,
    )

    width = height = None
    if video is not None:
        size = (first.width, first.height) if first else (video.width, video.height)
        orientation = frame_orientation(first) if first else UPRIGHT
        width, height = display_size(video, *size, orientation)
    rate = video.average_rate or video.guessed_rate if video is not None else None
    tags = {key.lower(): value for key, value in container.metadata.items()}
    names = ("com.apple.quicktime.make", "com.apple.quicktime.model")
    camera = " ".join(tags[name] for name in names if name in tags)
    content_type = sniffed.content_type
    if video is None and content_type.startswith("video/"):
        content_type = content_type.replace("video/", "audio/")
    return MediaInfo(
        kind=MediaKind.VIDEO if video is not None else MediaKind.AUDIO,
        format=sniffed.format,
        content_type=content_type,
        width=width,
        height=height,
        duration_s=_duration_s(container, video, audio),
        frame_rate=float(rate) if rate else None,
        video_codec=video.codec_context.name if video is not None else None,
        audio_codec=audio.codec_context.name if audio is not None else None,
        audio_rate_hz=audio.sample_rate if audio is not None else None,
        audio_channels=audio.channels if audio is not None else None,
        created_at=tags.get("com.apple.quicktime.creationdate") or tags.get("creation_time"),
        camera=camera or None,
    )


def _duration_s(
    container: InputContainer, video: VideoStream | None, audio: AudioStream | None
) -> float:
    """Return how long pictures and sound run, in seconds; longer streams of data do not count."""
    from filmgate.media.container import TICKS_PER_S  # noqa: PLC0415

    used = [stream for stream in (video, audio) if stream is not None]
    stated = [
        clean_duration(stream.duration * stream.time_base)
        for stream in used
        if stream.duration and stream.time_base
    ]
    if len(stated) < len(used) and container.duration:
        stated.append(clean_duration(container.duration / TICKS_PER_S))
    return max([0.0, *stated])
