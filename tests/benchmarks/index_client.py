"""What DynamoDB's client costs in processor time, against a server that has nothing to say."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

from filmgate.adapters.dynamodb.buckets import DynamoBucketStore
from tests.stack import environment

_ROUNDS = 5
_READ = b'{"Responses": {"bench": []}, "UnprocessedKeys": {}}'
_WRITTEN = b'{"Attributes": {"pk": {"S": "t"}, "sk": {"S": "BUCKET"}, "members": {"BS": ["AAAA"]}}}'


def client_seconds(writes: int, reads: int, workers: int) -> tuple[float, float]:
    """Processor seconds of putting so many members into buckets, and of reading so many."""
    members = {f"BAND#0#{number:06x}": number.to_bytes(58, "big") for number in range(writes)}
    names = [f"BAND#1#{number:06x}" for number in range(reads)]
    with (
        _empty_dynamodb() as endpoint,
        environment(
            AWS_ENDPOINT_URL=endpoint,
            AWS_DEFAULT_REGION="us-east-1",
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
        ),
    ):
        store = DynamoBucketStore("bench", workers)
        store.read("t", names[:1])  # imports and connects
        begun = time.process_time()
        for _ in range(_ROUNDS):
            store.add("t", members, 64)
        added = time.process_time()
        for _ in range(_ROUNDS):
            store.read("t", names)
        return (added - begun) / _ROUNDS, (time.process_time() - added) / _ROUNDS


class _Empty(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        batch = self.headers["X-Amz-Target"].endswith("BatchGetItem")
        body = _READ if batch else _WRITTEN
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _serve(port: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def _empty_dynamodb() -> Iterator[str]:
    """In a process of its own, so that its time is not the client's."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=_serve, args=(there,), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        server.terminate()
        server.join()
