"""MPEG transport streams with any number of programs, as ISO/IEC 13818-1 has them."""

from __future__ import annotations

import struct
from pathlib import Path

_SECTION_PROGRAMS = 250
_FIRST_PID, _PIDS = 0x20, 7000


def many_programs(folder: Path, programs: int, repeat: int = 1, junk: bytes = b"") -> Path:
    """A stream that announces so many programs of one track each, and holds nothing else.

    Args:
        repeat: how often the tables are repeated.
        junk: bytes before each packet, which make a reader look for the next one.
    """
    path = folder / f"programs-{programs}.ts"
    listed = [(number + 1, _FIRST_PID + number % _PIDS) for number in range(programs)]
    packets: list[bytes] = []
    sections = [
        listed[at : at + _SECTION_PROGRAMS] for at in range(0, len(listed), _SECTION_PROGRAMS)
    ]
    for number, section in enumerate(sections):
        body = b"".join(struct.pack(">HH", program, 0xE000 | pid) for program, pid in section)
        table = _section(0, 1, body, number, len(sections) - 1)
        packets += _packets(0, table, len(packets))
    for number, (program, pid) in enumerate(listed):
        track = struct.pack(">BHH", 0x1B, 0xE000 | (_FIRST_PID + number % _PIDS + 1000), 0xF000)
        packets += _packets(pid, _section(2, program, struct.pack(">HH", 0xFFFF, 0xF000) + track))
    path.write_bytes(b"".join(junk + packet for packet in packets) * repeat)
    return path


def _packets(pid: int, section: bytes, counter: int = 0) -> list[bytes]:
    payload = b"\0" + section
    return [
        struct.pack(
            ">BHB", 0x47, (0 if at else 0x4000) | pid, 0x10 | (counter + at // 184) & 15
        ) + payload[at : at + 184].ljust(184, b"\xff")
        for at in range(0, len(payload), 184)
    ]  # fmt: skip


def _section(table: int, identity: int, body: bytes, number: int = 0, last: int = 0) -> bytes:
    head = struct.pack(">BHHBBB", table, 0xB000 | len(body) + 9, identity, 0xC1, number, last)
    return head + body + struct.pack(">I", _crc(head + body))


def _crc(data: bytes) -> int:
    """CRC-32 of MPEG-2, which is not that of zlib: bits are not reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc
