"""The library in memory keeps the contract that the one in DynamoDB keeps."""

from __future__ import annotations

import pytest

from tests.contracts.library import LibraryContract
from tests.memory import MemoryLibrary


class TestMemoryLibrary(LibraryContract):
    @pytest.fixture
    def library(self) -> MemoryLibrary:
        return MemoryLibrary()
