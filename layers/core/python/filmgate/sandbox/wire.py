"""The messages between the processes: frames of JSON, and the answer of a child.

An answer is a frame of JSON, `Head`, followed by parts whose lengths are in the head. Nothing is
unpickled, because a child that was taken over can send anything.
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
    """Bytes that are not a valid frame or answer."""


class Head(ClosedModel):
    """The outcome of a job, and the lengths of the parts that follow.

    ``refused`` has a code and a reason, ``failed`` a reason for the log only.
    """

    model_config = ConfigDict(strict=True)

    outcome: Literal["done", "refused", "memory", "failed"]
    code: str = Field("", pattern=r"^[a-z_]{0,40}$")
    reason: str = Field("", max_length=MOST_REASON, pattern=r"^[^\x00-\x1f\x7f]*$")
    parts: list[Annotated[int, Field(ge=0)]] = Field(default=[], max_length=_MOST_PARTS)


@dataclass(frozen=True, slots=True)
class Answer:
    """A head and its parts."""

    head: Head
    parts: tuple[bytes, ...]


def one_line(text: str) -> str:
    """Make a text valid for `Head.reason`: without control characters, not too long."""
    return "".join(c if c >= " " and c != "\x7f" else " " for c in text)[:MOST_REASON]


def packed(head: Head, parts: tuple[bytes, ...]) -> bytes:
    """Return an answer as bytes; the `parts` of the head are filled in."""
    complete = head.model_copy(update={"parts": [len(part) for part in parts]})
    return b"".join((frame(complete), *parts))


def unpacked(body: bytes) -> Answer:
    """Parse the untrusted bytes of an answer. Raises WireError."""
    length = int.from_bytes(body[:_LENGTH_BYTES], "big")
    start = _LENGTH_BYTES + length
    if len(body) < _LENGTH_BYTES or length > MOST_HEAD_BYTES or start > len(body):
        raise WireError("the answer has no head")
    try:
        head = Head.model_validate_json(body[_LENGTH_BYTES:start])
    except ValidationError as error:
        raise WireError("the head of the answer is invalid") from error
    if sum(head.parts) != len(body) - start:
        raise WireError("the parts of the answer do not have the lengths in its head")
    parts = []
    for size in head.parts:
        parts.append(body[start : start + size])
        start += size
    return Answer(head, tuple(parts))


def frame(value: BaseModel) -> bytes:
    """Return a frame: the length of the JSON, then the JSON."""
    body = value.model_dump_json().encode()
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def receive(connection: socket.socket) -> bytes | None:
    """Receive the body of a frame from a trusted process; None if the connection has ended.

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
    """Receive this many bytes, or fewer if the connection ends."""
    body = bytearray()
    while len(body) < length and (chunk := connection.recv(length - len(body))):
        body += chunk
    return bytes(body)


def write_all(fd: int, body: bytes) -> None:
    """Write all bytes. Raises OSError."""
    view = memoryview(body)
    while view:
        view = view[os.write(fd, view) :]
