"""Reading the delta of a tenant, with a cache of the entries that were read before."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from filmgate.dedupe.index.port import IndexEntry
from filmgate.dedupe.index.segment import delta_entry
from filmgate.dedupe.index.stores import DeltaKey, DeltaStore

_Name = tuple[str, DeltaKey]


class DeltaReader:
    """Entries by key. An entry never changes under its key, so only new bodies are read.

    Args:
        max_bytes: bodies kept for later searches, those used last.
    """

    def __init__(self, store: DeltaStore, max_bytes: int) -> None:
        self._store = store
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_Name, IndexEntry] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def entries(self, tenant: str, keys: Sequence[DeltaKey]) -> dict[DeltaKey, IndexEntry]:
        """The complete entries among these keys.

        Raises PackingError, TransientError.
        """
        with self._lock:
            names = [(tenant, key) for key in keys if (tenant, key) in self._entries]
            cached = {name[1]: self._entries[name] for name in names}
        new = [key for key in keys if key not in cached]
        read = {item.key: delta_entry(item) for item in self._store.read(tenant, new)}
        entries = cached | read
        with self._lock:
            self._keep(tenant, entries)
        return {key: entries[key] for key in keys if key in entries}

    def _keep(self, tenant: str, entries: dict[DeltaKey, IndexEntry]) -> None:
        for key, entry in entries.items():
            name = (tenant, key)
            if name not in self._entries:
                self._entries[name] = entry
                self._bytes += key.size_bytes
            self._entries.move_to_end(name)
        while self._bytes > self._max_bytes:
            (_, key), _ = self._entries.popitem(last=False)
            self._bytes -= key.size_bytes
