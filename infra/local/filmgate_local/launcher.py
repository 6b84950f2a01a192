"""The background process: ministack in this interpreter, patched, saving its state as it goes.

Run as ``python -m filmgate_local.launcher`` with the environment ``daemon.environment`` makes.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from pathlib import Path

from ministack import app as ministack_app
from ministack.core.concurrency import esm_wake
from ministack.core.persistence import save_all

from filmgate_local import limits, patches
from filmgate_local.gate import Gate
from filmgate_local.scheduler import SlotScheduler
from filmgate_local.space import Space, free_bytes, reserve_bytes

ROOT_ENV = "FILMGATE_LOCAL_ROOT"
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
        """Record that something may have changed."""
        self._changed.set()

    def run(self) -> None:
        """Loop for the life of the process."""
        while True:
            self._changed.wait()
            time.sleep(SAVE_EVERY_S)
            self._changed.clear()
            save_all(ministack_app._build_persistence_save_dict())


def main() -> None:
    """Patch ministack and serve until SIGTERM."""
    patches.restart_workers()
    patches.name_errors()
    patches.name_throttles()
    patches.release_received()
    patches.version_events()
    patches.time_work_only()
    patches.return_batches()
    patches.keep_role_keys_secret(os.environ["AWS_SECRET_ACCESS_KEY"])
    patches.refuse_unsigned_forms()
    patches.report_unsaved_objects()
    patches.keep_bodies_on_disk()
    limits.limit_payloads()
    limits.limit_environments()
    limits.limit_state_data()
    limits.restrict_express_workflows()
    scheduler = SlotScheduler(
        int(os.environ[SLOTS_ENV]),
        frozenset(os.environ[INTERACTIVE_ENV].split(",")),
        tuple(os.environ[ORDER_ENV].split(",")),
        on_release=esm_wake.set,
    )
    patches.schedule_invocations(scheduler)
    patches.admit_messages(scheduler)
    # It logs every file at every save.
    logging.getLogger("persistence").setLevel(logging.WARNING)
    saver = Saver()
    identity = {"pid": os.getpid(), "root": os.environ[ROOT_ENV]}
    objects = Path(os.environ["S3_DATA_DIR"])
    space = Space(lambda: free_bytes(objects), reserve_bytes())
    ministack_app.app = Gate(ministack_app.app, space, json.dumps(identity).encode(), saver.note)
    threading.Thread(target=saver.run, name="filmgate-saver", daemon=True).start()
    ministack_app.main()


if __name__ == "__main__":
    main()
