"""The restrictions that a child applies to itself before it opens its file, in order."""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from filmgate.sandbox import landlock, libc, seccomp
from filmgate.sandbox.model import MIB, Budget, Capabilities

_MOST_FILES = 64
_SHARED_MAPPINGS = 512 * MIB
"""Address space besides private memory, for libraries, stacks and reserved arenas."""
_GRACE_CPU_S = 5
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522
_MOST_CAPABILITIES = 64
_SYSTEM_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/var/lang/lib")
_SYSTEM_FILES = ("/dev/null", "/dev/urandom", "/sys/devices/system/cpu", "/etc/ld.so.cache")


def confine(budget: Budget, readable: Iterable[str], file_bytes: int = 0) -> Capabilities:
    """Confine this process permanently, as far as the system supports it.

    Returns the restrictions that apply.

    Args:
        readable: paths that stay readable if the system can restrict reading.
        file_bytes: the size of the file, which decoders may map into memory.
    """
    limits = _set_limits(budget, file_bytes)
    if sys.platform != "linux":
        return Capabilities(platform=sys.platform, limits=limits)
    private = _tried(libc.prctl, libc.PR_SET_NO_NEW_PRIVS, 1)
    abi = landlock.version() if private else 0
    if abi:
        landlock.restrict(abi, readable)
    # This comes last, because it denies calls that the steps above need.
    filtered = private and seccomp.supported() and _tried(seccomp.install, os.getpid())
    return Capabilities(
        platform=sys.platform,
        limits=limits,
        no_new_privileges=private,
        system_calls_filtered=filtered,
        landlock=abi,
    )


def hide() -> bool:
    """Close this process's memory and environment to other processes of its user.

    On Linux, `/proc/PID/environ` and `mem` then belong to root, and no debugger can attach.
    """
    return sys.platform == "linux" and _tried(libc.prctl, libc.PR_SET_DUMPABLE, 0)


def drop_capabilities() -> bool:
    """Drop root's capabilities in this process and all children. Returns whether it succeeded.

    Without them, root cannot read hidden processes. For other users it has no effect.
    """
    if sys.platform != "linux":
        return False
    for number in range(_MOST_CAPABILITIES):
        if not _tried(libc.prctl, libc.PR_CAPBSET_DROP, number):
            break
    call = _CAPSET.get(os.uname().machine)
    if call is None:
        return False
    head = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), 8)
    none = ctypes.create_string_buffer(24)
    return _tried(libc.syscall, call, head, none)


def code_paths() -> tuple[str, ...]:
    """Return the paths that decoding may read besides its file: loaded code and its libraries.

    Search paths are not included as a whole, because on a developer's machine they contain other
    files too. Paths within another of these paths are left out.
    """
    paths = {*_SYSTEM_LIBRARIES, *_SYSTEM_FILES}
    paths |= {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin is None or "." in name:
            continue
        path = Path(origin)
        paths.add(str(path.parent if path.stem == "__init__" else path))
        if path.stem == "__init__":
            # Wheels have their shared libraries in a folder next to the package.
            paths |= {str(beside) for beside in path.parent.parent.glob(f"{name}.libs")}
    return tuple(sorted(path for path in paths if paths.isdisjoint(map(str, Path(path).parents))))


def _set_limits(budget: Budget, file_bytes: int) -> tuple[str, ...]:
    wanted: dict[str, tuple[int, int]] = {
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_FSIZE": (0, 0),
        "RLIMIT_MEMLOCK": (0, 0),
        "RLIMIT_NOFILE": (_MOST_FILES, _MOST_FILES),
        # The signal of the soft limit differs from that of a kill for lack of memory.
        "RLIMIT_CPU": (budget.cpu_s, budget.cpu_s + _GRACE_CPU_S),
    }
    if sys.platform == "linux":
        # Allocations of decoders are private memory. The second limit also bounds shared mappings,
        # which the first one does not count.
        most = budget.memory_bytes
        whole = _address_space() + most + file_bytes + _SHARED_MAPPINGS
        wanted |= {"RLIMIT_DATA": (most, most), "RLIMIT_AS": (whole, whole)}
    return tuple(sorted(name for name, (soft, hard) in wanted.items() if _limit(name, soft, hard)))


def _limit(name: str, soft: int, hard: int) -> bool:
    number = getattr(resource, name, None)
    if number is None:
        return False
    _, most = resource.getrlimit(number)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    try:
        resource.setrlimit(number, (soft, hard))
    except (OSError, ValueError):
        return False
    return True


def _address_space() -> int:
    """Return the number of bytes that this process has mapped."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _tried(call: object, *arguments: object) -> bool:
    assert callable(call)
    try:
        call(*arguments)
    except OSError:
        return False
    return True
