"""Which digests the answer log may hold: a bitmap in memory, so that most requests of a first run look up nothing.

A Bloom filter (Bloom 1970, https://doi.org/10.1145/362686.362692) with one hash, which a digest is already.
"""

import sqlite3

import numpy as np
import numpy.typing as npt

# 8 MB. Of a million answers, 1.5 % of the digests that are not among them find their bit set, and are looked up.
_BITS = 2**26
_HEX = 8  # digits of a digest that say which bit
# With no condition, SQLite reads the index of the digests alone, not the pages of long prompts.
_ALL = "select group_concat(substr(digest, 1, 8), '') from answers"
_SINCE = "select max(rowid), group_concat(substr(digest, 1, 8), '') from answers where rowid > ?"
# The digests of a large log are not read for a few requests: not before a hundredth of as many were looked up.
_SHARE = 100


class Seen:
    """Says of a digest that the log did not hold it when it was looked at, or that it may hold it.

    `look` is for one thread at a time. Where another process prunes the newest answers of all, those that come after
    them may be missed: they are then asked for once more.
    """

    def __init__(self) -> None:
        self._bits: npt.NDArray[np.uint8] | None = None
        self._bytes = memoryview(b"")
        self._row = 0
        self._sought = 0

    def may_hold(self, digest: str) -> bool:
        """Return False where the log did not hold a digest when it was last looked at."""
        if self._bits is None:
            self._sought += 1
            return True
        place = int(digest[:_HEX], 16) % _BITS
        return bool(self._bytes[place >> 3] & 1 << (place & 7))

    def look(self, connection: sqlite3.Connection) -> None:
        """Take in what was written since the last time, by whichever process."""
        if self._bits is None:
            (newest,) = connection.execute("select max(rowid) from answers").fetchone()
            if (newest or 0) <= self._sought * _SHARE:
                self._bits = np.zeros(_BITS // 8, np.uint8)
                self._bytes = memoryview(self._bits)
                self._add(*connection.execute(_ALL).fetchone())
                self._row = newest or 0
            return
        newest, prefixes = connection.execute(_SINCE, (self._row,)).fetchone()
        if newest:
            self._add(prefixes)
            self._row = newest

    def _add(self, prefixes: str | None) -> None:
        if prefixes and self._bits is not None:
            places = np.frombuffer(bytes.fromhex(prefixes), ">u4").astype(np.uint32) % _BITS
            np.bitwise_or.at(self._bits, places >> 3, (1 << (places & 7)).astype(np.uint8))
