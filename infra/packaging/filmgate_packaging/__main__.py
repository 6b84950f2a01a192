"""``python -m filmgate_packaging``: build every layer into a folder."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from filmgate_packaging import layers, zips

CHECKOUT = Path(__file__).resolve().parents[3]


def main() -> int:
    """Build what is out of date; prints one line a layer."""
    parser = argparse.ArgumentParser(prog="filmgate_packaging", description=__doc__)
    parser.add_argument("--architecture", choices=sorted(layers.PLATFORMS), default="x86_64")
    parser.add_argument(
        "--only", choices=(layers.CORE, *layers.THIRD_PARTY, *layers.OPTIONAL), help="one layer"
    )
    parser.add_argument("--target", type=Path, help="default: .build/layers/ARCHITECTURE")
    given = parser.parse_args()
    target: Path = given.target or CHECKOUT / ".build" / "layers" / given.architecture
    try:
        for layer in [given.only] if given.only else (layers.CORE, *layers.THIRD_PARTY):
            archive = target / f"{layer}.zip"
            built = _build(layer, given.architecture, archive)
            size = zips.unzipped_bytes(archive) / 1e6
            print(f"{layer:9} {size:6.1f} MB unzipped  {'built' if built else 'up to date'}")
    except layers.LayerError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _build(layer: str, architecture: str, archive: Path) -> bool:
    if layer == layers.CORE:
        layers.build_core(CHECKOUT, archive)
        return True
    stamp = archive.with_suffix(".sha256")
    wanted = hashlib.sha256(
        layers.requirements(CHECKOUT, layer).read_bytes() + Path(layers.__file__).read_bytes()
    ).hexdigest()
    if archive.exists() and stamp.exists() and stamp.read_text() == wanted:
        return False
    layers.build_third_party(CHECKOUT, layer, architecture, archive)
    stamp.write_text(wanted)
    return True


if __name__ == "__main__":
    sys.exit(main())
