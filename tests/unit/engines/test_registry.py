"""What the registry says of engines, and what names they may have."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from filmgate.dedupe import versions
from filmgate.dedupe.engine import SPEC
from filmgate.dedupe.fingerprint import engine as fingerprint
from filmgate.dedupe.matching import model as matching
from filmgate.engines import registry
from filmgate.engines.spec import EngineSpec
from filmgate.errors import FilmgateError
from filmgate.media.model import MediaKind


def test_engines_are_found_by_name_and_version() -> None:
    for spec in registry.specs():
        assert registry.spec_of(spec.reference) == spec
        assert registry.module_of(spec.reference) in registry.ENGINES
    for find in (registry.spec_of, registry.module_of):
        with pytest.raises(FilmgateError, match="no engine nobody/1"):
            find("nobody/1")


def test_every_engine_has_an_identity_of_its_own() -> None:
    references = [spec.reference for spec in registry.specs()]
    assert len(references) == len(set(references))


def test_engines_are_planned_by_kind_and_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    shots = EngineSpec(
        capability="shots", name="s", version="1", accepts=frozenset({MediaKind.VIDEO})
    )
    monkeypatch.setattr(registry, "specs", lambda: (SPEC, shots))
    assert registry.planned(MediaKind.VIDEO) == (SPEC, shots)
    assert registry.planned(MediaKind.IMAGE) == (SPEC,)
    assert registry.planned(MediaKind.VIDEO, frozenset({"shots"})) == (shots,)
    assert registry.planned(MediaKind.IMAGE, frozenset({"shots", "faces"})) == ()


def test_the_version_of_dedupe_is_that_of_its_parts() -> None:
    assert fingerprint.ENGINE == versions.FINGERPRINT
    assert matching.ENGINE == versions.MATCHING
    parts = [name.rpartition("/")[2] for name in (versions.FINGERPRINT, versions.MATCHING)]
    assert SPEC.version == ".".join(parts)


@pytest.mark.parametrize(
    "change",
    [
        {"capability": "Faces"},
        {"capability": "a/b"},
        {"capability": ""},
        {"name": "a#b"},
        {"name": "x" * 41},
        {"version": "1+cpu"},
        {"version": "1/2"},
        {"version": ""},
        {"version": "1\n"},
    ],
)
def test_names_that_would_break_a_key_are_refused(change: dict[str, str]) -> None:
    good = {"capability": "faces", "name": "some-engine", "version": "1.2-rc_3"}
    EngineSpec.model_validate(good)
    with pytest.raises(ValidationError):
        EngineSpec.model_validate(good | change)


def test_planning_loads_no_engines_libraries() -> None:
    code = (
        "import sys; from filmgate.engines import registry; registry.specs(); "
        "print({'av', 'PIL', 'numpy', 'onnxruntime', 'boto3'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
