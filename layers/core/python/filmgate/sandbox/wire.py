"""Bytes between the processes: JSON in frames, and the answer of a child.

An answer is a frame of JSON, `Head`, and after it the parts whose lengths that names. Nothing is
unpickled: a child that was taken over can send whatever it likes.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from filmgate.model import ClosedModel

_LENGTH_BYTES = 4
MOST_HEAD_BYTES = 64 * 1024
MOST_FRAME_BYTES = 1024**2
MOST_REASON = 500
_MOST_PARTS = 16


class WireError(Exception):
    """Bytes that are no frame or no answer."""


class Head(ClosedModel):
    """How a job went, and how long the parts are that follow.

    ``refused`` has a code and a reason, ``failed`` a reason for the log alone.
    """

    model_config = ConfigDict(strict=True)

    outcome: Literal["done", "refused", "memory", "failed"]
    code: str = Field("", pattern=r"^[a-z_]{0,40}$")
    reason: str = Field("", max_length=MOST_REASON, pattern=r"^[^\x00-\x1f\x7f]*$")
    parts: list[Annotated[int, Field(ge=0)]] = Field(default=[], max_length=_MOST_PARTS)


@dataclass(frozen=True, slots=True)
class Answer:
    """A head, and its parts."""

    head: Head
    parts: tuple[bytes, ...]


def one_line(text: str) -> str:
    """Fit for `Head.reason`: no control characters, not too long."""
    return "".join(c if c >= " " and c != "\x7f" else " " for c in text)[:MOST_REASON]


def packed(head: Head, parts: tuple[bytes, ...]) -> bytes:
    """An answer as bytes; the head's `parts` are filled in."""
    told = head.model_copy(update={"parts": [len(part) for part in parts]})
    return b"".join((frame(told), *parts))


def unpacked(body: bytes) -> Answer:
    """The inverse, of bytes that anybody may have sent. Raises WireError."""
    length = int.from_bytes(body[:_LENGTH_BYTES], "big")
    start = _LENGTH_BYTES + length
    if len(body) < _LENGTH_BYTES or length > MOST_HEAD_BYTES or start > len(body):
        raise WireError("the answer has no head")
    try:
        head = Head.model_validate_json(body[_LENGTH_BYTES:start])
    except ValidationError as error:
        raise WireError("the answer's head is not one") from error
    if sum(head.parts) != len(body) - start:
        raise WireError("the answer's parts are not as long as it says")
    parts = []
    for size in head.parts:
        parts.append(body[start : start + size])
        start += size
    return Answer(head, tuple(parts))


def frame(value: BaseModel) -> bytes:
    """JSON after its length."""
    body = value.model_dump_json().encode()
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def receive(connection: socket.socket) -> bytes | None:
    """The body of a frame, from a process that is trusted; None where the connection ended.

    Raises:
        WireError: it ended within a frame, or the frame is too long.
        OSError: the connection failed, or timed out.
    """
    head = _exactly(connection, _LENGTH_BYTES)
    if not head:
        return None
    length = int.from_bytes(head, "big")
    if len(head) < _LENGTH_BYTES or length > MOST_FRAME_BYTES:
        raise WireError("not a frame")
    body = _exactly(connection, length)
    if len(body) < length:
        raise WireError("the connection ended within a frame")
    return body


def _exactly(connection: socket.socket, length: int) -> bytes:
    """So many bytes, or fewer where the connection ends."""
    found = bytearray()
    while len(found) < length and (some := connection.recv(length - len(found))):
        found += some
    return bytes(found)


def write_all(fd: int, body: bytes) -> None:
    """Raises OSError."""
    view = memoryview(body)
    while view:
        view = view[os.write(fd, view) :]
