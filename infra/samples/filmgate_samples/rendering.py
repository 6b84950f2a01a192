"""Carrying out the plan for one file: render a source, or make a copy of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.random import Generator

from filmgate_samples import plan, synth
from filmgate_samples.clip import (
    Encoding,
    Picture,
    Sound,
    read_clip,
    write_image,
    write_sound,
    write_video,
)
from filmgate_samples.scenes import cartoon, figures, outdoors, screen, stills, town
from filmgate_samples.scenes.canvas import Scene, Size
from filmgate_samples.transforms import apply_with

SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        outdoors.coast,
        outdoors.canyon,
        outdoors.snow,
        outdoors.reef,
        town.night_city,
        town.fireworks,
        town.planet,
        town.tunnel,
        screen.credits_roll,
        screen.weather,
        screen.chart,
        screen.station_title,
        screen.flag,
        screen.aurora_lights,
        figures.spheres,
        cartoon.cartoon,
        figures.room_juggler,
        figures.room_robot,
        figures.presenter,
    )
}
STILLS: dict[str, Callable[[Generator, Size], Picture]] = {
    still.__name__: still
    for still in (
        stills.lake,
        stills.fruit,
        stills.glass,
        stills.galaxy,
        stills.dunes,
        stills.poster,
        stills.island,
        stills.fractal,
    )
}
SOUNDS: dict[str, Callable[[Generator, float], Sound]] = {
    sound.__name__: sound
    for sound in (synth.music, synth.babble, synth.engine, synth.wind, synth.water, synth.bangs)
}


def render_video(target: Path, source: plan.VideoSource, seed: int) -> None:
    """Render and encode a video with its sound."""
    size = (source.width, source.height)
    parts: list[Iterator[Picture]] = []
    total = 0.0
    for name, seconds in source.scenes:
        # Only the title is shared between files that name the same draw.
        shared = source.draw if source.draw and name == "station_title" else source.path
        times = np.arange(round(seconds * source.frame_rate)) / source.frame_rate
        parts.append(SCENES[name](plan.stream(seed, f"{shared}/{name}"), size, times))
        total += seconds
    sounds = []
    for name, gain in source.sounds:
        shared = source.sound_draw if source.sound_draw and name == "music" else source.path
        made = SOUNDS[name](plan.stream(seed, f"{shared}/sound {name}"), total)
        sounds.append((made, gain))
    write_video(
        target, chain.from_iterable(parts), source.frame_rate, synth.mix(*sounds), Encoding()
    )


def render_image(target: Path, source: plan.ImageSource, seed: int) -> None:
    """Render and store a still picture."""
    picture = STILLS[source.scene](plan.stream(seed, source.path), (source.width, source.height))
    options = {} if target.suffix == ".png" else {"quality": 90}
    write_image(target, picture, **options)


def render_sound(target: Path, source: plan.SoundSource, seed: int) -> None:
    """Synthesise and encode a sound file."""
    write_sound(target, SOUNDS[source.sound](plan.stream(seed, source.path), source.seconds))


def make_copy(target: Path, source: Path, copy: plan.CopyPlan) -> None:
    """Make a planned copy of a file that is there."""
    apply_with(source, target, copy.transform, copy.parameters)


def make_still(target: Path, video: Path, time_s: float) -> None:
    """Store one frame of a video as a picture."""
    clip = read_clip(video)
    index = int(np.searchsorted(clip.times_s, time_s))
    write_image(target, clip.frames[min(index, len(clip.frames) - 1)], quality=90)
