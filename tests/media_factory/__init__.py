"""Hostile and odd media files, built while the tests run, with PyAV and Pillow.

Every builder writes one file into a folder and returns its path. The pictures are a moving
pattern with real variety, so that the files can be fingerprinted too.
"""

from tests.media_factory.claims import (
    claims_boxes,
    claims_edits,
    claims_fragment,
    claims_hour,
    claims_long_index,
    claims_raw_sound,
    claims_samples,
)
from tests.media_factory.edited import edited
from tests.media_factory.encoding import pattern, tone, video
from tests.media_factory.large import (
    blocks_gif,
    large_apng,
    large_gif,
    large_video,
    large_webp,
    motion_jpeg_with_exif,
    narrow_png,
    outgrowing_gif,
    run_length_bmp,
    tiled_tiff,
)
from tests.media_factory.odd import (
    VARIABLE_TIMES,
    audio_alone,
    grows,
    many_groups,
    odd_size,
    one_frame,
    padded,
    rotated,
    silent_audio,
    still_with_sound,
    ten_bit,
    variable_rate,
    wide_pixels,
)
from tests.media_factory.pictures import IMAGE_MODES, animation, exif_turned, image_in_mode
from tests.media_factory.programs import many_programs
from tests.media_factory.refused import (
    cut_in_half_index_first,
    cut_in_half_index_last,
    dash_called_mp4,
    empty_file,
    hls_called_mp4,
    huge_png,
    no_pictures,
    no_streams,
    text_called_mp4,
)

__all__ = [
    "IMAGE_MODES",
    "VARIABLE_TIMES",
    "animation",
    "audio_alone",
    "blocks_gif",
    "claims_boxes",
    "claims_edits",
    "claims_fragment",
    "claims_hour",
    "claims_long_index",
    "claims_raw_sound",
    "claims_samples",
    "cut_in_half_index_first",
    "cut_in_half_index_last",
    "dash_called_mp4",
    "edited",
    "empty_file",
    "exif_turned",
    "grows",
    "hls_called_mp4",
    "huge_png",
    "image_in_mode",
    "large_apng",
    "large_gif",
    "large_video",
    "large_webp",
    "many_groups",
    "many_programs",
    "motion_jpeg_with_exif",
    "narrow_png",
    "no_pictures",
    "no_streams",
    "odd_size",
    "one_frame",
    "outgrowing_gif",
    "padded",
    "pattern",
    "rotated",
    "run_length_bmp",
    "silent_audio",
    "still_with_sound",
    "ten_bit",
    "text_called_mp4",
    "tiled_tiff",
    "tone",
    "variable_rate",
    "video",
    "wide_pixels",
]
