"""Bound the programs of an MPEG transport stream before FFmpeg lists them.

FFmpeg compares each program that a stream announces with all those before, so that thousands of
them, which take a few kilobytes, cost it many seconds.
"""

from __future__ import annotations

import re
from pathlib import Path

from filmgate.errors import MediaRefused

_PACKET_BYTES = 188
_SCANNED_BYTES = 16 * 1024**2
"""The beginning of a file that is scanned: more than three times what FFmpeg reads to learn what
a stream holds (its ``probesize``, 5 MB)."""
_TABLE_PACKET = re.compile(rb"\x47[\x00\x20\x40\x60\x80\xa0\xc0\xe0]\x00", re.DOTALL)
"""The header of a packet of the program association table, which has the packet identifier 0
(ISO/IEC 13818-1, 2.4.3); the three other bits of the second byte are flags."""
_MAX_TABLE_PACKETS = 48
"""Different packets of that table, of at most 46 programs each. A broadcast multiplex has fewer
than fifty programs, in one or two packets that are repeated. Random data of the scanned length
contains the header about eight times."""
_COUNTER_AT = 3
"""The byte of the continuity counter, in which repetitions differ."""


def check_programs(path: Path) -> None:
    """Refuse a transport stream that announces far more programs than any broadcast has.

    Packets are recognised wherever they start, as FFmpeg looks for the next one after damage.

    Raises:
        MediaRefused: ``too_large``.
    """
    if table_packets(path) > _MAX_TABLE_PACKETS:
        raise MediaRefused(
            "too_large",
            "The transport stream announces thousands of programs. Export the one that you need "
            "as MP4 and upload that.",
        )


def table_packets(path: Path) -> int:
    """Count the different packets of the program association table, just past the limit at most."""
    with path.open("rb") as file:
        head = file.read(_SCANNED_BYTES)
    packets: set[bytes] = set()
    for match in _TABLE_PACKET.finditer(head):
        packet = head[match.start() : match.start() + _PACKET_BYTES]
        packets.add(packet[:_COUNTER_AT] + packet[_COUNTER_AT + 1 :])
        if len(packets) > _MAX_TABLE_PACKETS:
            break
    return len(packets)
