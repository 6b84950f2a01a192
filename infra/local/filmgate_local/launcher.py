"""The background process: ministack in this interpreter, patched, saving its state as it goes.

Run as ``python -m filmgate_local.launcher`` with the environment ``daemon.environment`` makes.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from typing import Any

from ministack import app as ministack_app
from ministack.core.concurrency import esm_wake
from ministack.core.persistence import save_all

from filmgate_local import patches
from filmgate_local.daemon import IDENTITY_PATH
from filmgate_local.turns import Turns

SLOTS_ENV = "FILMGATE_LOCAL_SLOTS"
INTERACTIVE_ENV = "FILMGATE_LOCAL_INTERACTIVE"
ORDER_ENV = "FILMGATE_LOCAL_ORDER"
SAVE_EVERY_S = 5.0


class Saver:
    """Saves all state soon after requests that may have changed it, from a thread of its own.

    Upstream saves at a clean stop only. Saving takes a fraction of a second, so at most every
    ``SAVE_EVERY_S`` seconds.
    """

    def __init__(self) -> None:
        self._changed = threading.Event()

    def note(self) -> None:
        """Something may have changed."""
        self._changed.set()

    def run(self) -> None:
        """Loop for the life of the process."""
        while True:
            self._changed.wait()
            time.sleep(SAVE_EVERY_S)
            self._changed.clear()
            save_all(ministack_app._build_persistence_save_dict())


def wrap(app: Any, saver: Saver, root: str) -> Any:
    """The ASGI app that also says whose it is, and tells the saver of every other request."""
    identity = json.dumps({"pid": os.getpid(), "root": root}).encode()

    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == IDENTITY_PATH:
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": identity})
            return
        if scope["type"] == "http":
            saver.note()
        await app(scope, receive, send)

    return wrapped


def main() -> None:
    """Patch ministack and serve until SIGTERM."""
    patches.name_errors()
    patches.name_throttles()
    patches.release_received()
    patches.version_events()
    patches.time_work_only()
    patches.return_batches()
    turns = Turns(
        int(os.environ[SLOTS_ENV]),
        frozenset(os.environ[INTERACTIVE_ENV].split(",")),
        tuple(os.environ[ORDER_ENV].split(",")),
        relieved=esm_wake.set,
    )
    patches.take_turns(turns)
    patches.admit(turns)
    # It tells of every file at every save.
    logging.getLogger("persistence").setLevel(logging.WARNING)
    saver = Saver()
    root = os.environ["FILMGATE_LOCAL_ROOT"]
    ministack_app.app = wrap(ministack_app.app, saver, root)
    threading.Thread(target=saver.run, name="filmgate-saver", daemon=True).start()
    ministack_app.main()


if __name__ == "__main__":
    main()
