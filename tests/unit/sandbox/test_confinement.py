"""What a child that was taken over can still do: next to nothing."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from filmgate.sandbox.model import Capabilities
from tests.unit.sandbox.world import BARE, World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement is of Linux")

FILTERED = {
    "open a TCP socket",
    "open a Unix socket",
    "make a pair of sockets",
    "connect",
    "run a program",
    "make a process",
    "trace the product",
    "seize the forker",
    "read another's memory",
    "signal the product",
    "signal the forker",
    "limit the product",
    "leave the group",
    "write elsewhere",
    "write the file",
    "remove the file",
    "rename the file",
    "change the file's mode",
    "make a folder",
    "make memory a file",
    "submit through a ring",
}
ABSENT = {"clone by a structure", "open by a structure", "call what came later"}
HIDDEN = {
    "read the product's environment",
    "read the product's memory",
    "read the forker's environment",
}
ELSEWHERE = {"read elsewhere", "list a folder"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    yield world
    world.zygote.close()


@pytest.fixture(scope="module")
def held(world: World) -> Capabilities:
    return world.zygote.capabilities()


def outcomes(world: World) -> dict[str, str]:
    elsewhere = world.folder / "secrets" / "credentials.json"
    elsewhere.parent.mkdir(exist_ok=True)
    elsewhere.write_text("secret", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: dict[str, str] = world.ask_child(
            "attempts",
            product=os.getpid(),
            elsewhere=str(elsewhere),
            port=server.getsockname()[1],
        )
    assert sorted(path.name for path in elsewhere.parent.iterdir()) == [elsewhere.name]
    return found


def test_a_child_reads_its_file_and_does_nothing_else(world: World, held: Capabilities) -> None:
    if not held.system_calls_filtered:
        pytest.skip("this kernel filters no system calls")
    found = outcomes(world)
    assert found["read the file"] == "done"
    assert {name: found[name] for name in FILTERED} == dict.fromkeys(FILTERED, "EPERM")
    assert {name: found[name] for name in ABSENT} == dict.fromkeys(ABSENT, "ENOSYS")
    assert found["raise a limit"] == "EPERM"


def test_no_process_of_the_product_is_open_to_a_child(world: World, held: Capabilities) -> None:
    assert held.parent_hidden
    assert held.capabilities_dropped
    found = outcomes(world)
    assert {found[name] for name in HIDDEN} == {"EACCES"}


def test_hiding_needs_neither_filter_nor_landlock(tmp_path: Path) -> None:
    world = World(tmp_path, BARE)
    try:
        held = world.zygote.capabilities()
        assert (held.system_calls_filtered, held.landlock) == (False, 0)
        assert held.no_new_privileges
        assert held.strays_killed
        found = world.ask_child("peek", product=os.getpid(), elsewhere=str(tmp_path / "x"), port=1)
        assert {found[name] for name in HIDDEN} <= {"EACCES", "EPERM"}
        assert found["trace the product"] == found["seize the forker"] == "EPERM"
    finally:
        world.zygote.close()


def test_other_files_are_out_of_reach(world: World, held: Capabilities) -> None:
    if not held.landlock:
        pytest.skip("this kernel has no Landlock")
    found = outcomes(world)
    assert {found[name] for name in ELSEWHERE} == {"EACCES"}


def test_a_child_has_no_environment_and_one_file_descriptor_for_its_answer(
    world: World,
) -> None:
    found = world.ask_child("surroundings")
    threads = {"OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"}
    # The last is put there by the interpreter, where no locale is set.
    assert set(found["environment"]) <= threads | {"LD_LIBRARY_PATH", "LC_CTYPE"}
    assert found["fds"] == [0, 1, 2, 3]
    assert found["group"] == found["pid"]


def test_what_holds_is_said_once(tmp_path: Path) -> None:
    from filmgate.sandbox.process import Zygote

    said: list[Capabilities] = []
    world = World(tmp_path)
    world.zygote = Zygote("tests.sandbox_jobs", said.append)
    try:
        for _ in range(2):
            world.ask_child("surroundings")
        assert said == [world.zygote.capabilities()]
        assert {"RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_CPU", "RLIMIT_NOFILE"} <= set(said[0].limits)
    finally:
        world.zygote.close()
