"""The filter of system calls: its numbers, and what it answers on both architectures."""

from __future__ import annotations

import errno
import os
import re
import struct
from pathlib import Path

import pytest

from filmgate.sandbox import seccomp, syscalls

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
COLUMNS = {"x86_64": 0, "aarch64": 1}
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, DENY = 0x7FFF0000, 0x00050000 | errno.EPERM
NO_SUCH_CALL, KILL = 0x00050000 | errno.ENOSYS, 0x80000000
PID = 4711
ALL = syscalls.DENIED | syscalls.ABSENT | syscalls.CHECKED


def answer(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the kernel would do: the filter run as it runs it."""
    given = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("=IIQ6Q", number, audit or AUDIT[machine], 0, *given)
    body = seccomp.whole(machine, PID)
    rules = list(struct.iter_unpack("=HBBI", body))
    at, held = 0, 0
    while True:
        code, when, otherwise, value = rules[at]
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("=I", data, value)
            case 0x06:
                return int(value)
            case 0x15:
                at += when if held == value else otherwise
            case 0x25:
                at += when if held > value else otherwise
            case 0x35:
                at += when if held >= value else otherwise
            case 0x45:
                at += when if held & value else otherwise
            case _:
                raise AssertionError(f"no such instruction: {code:#x}")


def number(machine: str, name: str) -> int:
    found = ALL[name][COLUMNS[machine]]
    assert found is not None
    return found


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_are_the_kernels(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not here")
    text = HEADERS[machine].read_text(encoding="utf-8")
    rows = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)
    known = {name: int(value) for name, value in rows}
    expected = {name: numbers[COLUMNS[machine]] for name, numbers in ALL.items()}
    assert {name: known.get(name) for name in expected} == expected


@pytest.mark.parametrize("machine", HEADERS)
def test_what_is_listed_is_denied(machine: str) -> None:
    column = COLUMNS[machine]
    for numbers, wanted in ((syscalls.DENIED, DENY), (syscalls.ABSENT, NO_SUCH_CALL)):
        listed = [row[column] for row in numbers.values() if row[column] is not None]
        assert {answer(machine, one) for one in listed if one is not None} == {wanted}


@pytest.mark.parametrize("machine", HEADERS)
def test_what_decoding_needs_is_allowed(machine: str) -> None:
    needed = {
        "x86_64": {"read": 0, "mmap": 9, "brk": 12, "futex": 202, "exit_group": 231, "stat": 4},
        "aarch64": {"read": 63, "mmap": 222, "brk": 214, "futex": 98, "exit_group": 94},
    }
    assert {answer(machine, one) for one in needed[machine].values()} == {ALLOW}


@pytest.mark.parametrize("machine", HEADERS)
def test_arguments_decide_where_calls_have_two_sides(machine: str) -> None:
    opened = number(machine, "openat")
    assert answer(machine, opened, 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOW
    for flag in (os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC):
        assert answer(machine, opened, 0, 0, flag) == DENY
    thread = 0x00010000
    assert answer(machine, number(machine, "clone"), thread | 0x100) == ALLOW
    assert answer(machine, number(machine, "clone"), 17) == DENY
    for name in ("kill", "tgkill"):
        assert answer(machine, number(machine, name), PID) == ALLOW
        assert answer(machine, number(machine, name), PID + 1) == DENY
        assert answer(machine, number(machine, name), 2**32 - 1) == DENY
    limits = number(machine, "prlimit64")
    assert [answer(machine, limits, pid) for pid in (0, PID, 1)] == [ALLOW, ALLOW, DENY]


def test_other_ways_into_the_kernel_are_shut() -> None:
    assert answer("x86_64", 0, audit=0x40000003) == KILL
    assert answer("x86_64", 0x40000000 | 41) == DENY
    assert answer("x86_64", syscalls.NEWEST + 1) == NO_SUCH_CALL
    assert answer("aarch64", syscalls.NEWEST + 1) == NO_SUCH_CALL
