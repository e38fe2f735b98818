"""Columns of realistic strings: atoms from Faker's providers, put together by NumPy and Arrow.

Faker makes 10 to 50 thousand values a second; a few hundred atoms, combined, make millions that differ.
"""

import threading
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.errors import RecipeError, choices
from tasks.core.fakers import faker_of

POOL: Final = 200
_LOCAL: Final = threading.local()
_ASCII_FALLBACK: Final = "en_US"

# Atoms: the Faker provider of each, and what stands in where a locale has none.
_PROVIDERS: Final = {
    "first_name": "first_name", "last_name": "last_name", "city": "city", "country": "country", "state": "state",
    "street_name": "street_name", "postcode": "postcode", "company": "company", "job": "job", "word": "word",
    "sentence": "sentence", "phone": "phone_number", "user_name": "user_name", "domain_word": "domain_word",
    "domain": "domain_name", "free_domain": "free_email_domain", "country_code": "country_code", "iban": "iban",
    "currency": "currency_code", "color": "color_name", "timezone": "timezone", "user_agent": "user_agent",
    "mime_type": "mime_type", "catch_phrase": "catch_phrase", "language": "language_code", "file_name": "file_name",
    "bic": "swift",
}  # fmt: skip


def _faker(locale: str) -> Any:
    """Return this thread's Faker of a locale: building one takes up to a second, and a shared one would be reseeded."""
    cache = _LOCAL.__dict__.setdefault("fakers", {})
    if locale not in cache:
        cache[locale] = faker_of(locale)
    return cache[locale]


def check_locale(locale: str) -> None:
    """Raise RecipeError, with the choices, for a locale that Faker does not have."""
    from faker.config import AVAILABLE_LOCALES  # noqa: PLC0415 - a second to import; `tilth methods` must not pay it

    if locale not in AVAILABLE_LOCALES:
        raise RecipeError(f"unknown locale '{locale}'{choices(locale, AVAILABLE_LOCALES)}")


@dataclass(slots=True)
class Pools:
    """The atoms of one run: pools are drawn when first asked for, from a Faker seeded by the run's own stream.

    A pool holds at most `size` atoms.
    """

    rng: np.random.Generator
    locale: str
    size: int = POOL
    known: dict[str, pa.Array] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)

    def atoms(self, name: str) -> pa.Array:
        """Return the pool of one kind of atom (string array, no repeats)."""
        if name not in self.known:
            self.known[name] = pa.array(self._drawn(name), pa.string())
        return self.known[name]

    def _drawn(self, name: str) -> list[str]:
        if name.startswith("ascii_"):
            return self._ascii(name.removeprefix("ascii_"))
        if name == "slug_word":
            return sorted({word for word in map(_to_ascii, self._drawn("word")) if word}) or ["item"]
        fake = self._seeded(self.locale)
        provider = getattr(fake, _PROVIDERS[name], None) or getattr(self._seeded(_ASCII_FALLBACK), _PROVIDERS[name])
        return list(dict.fromkeys(str(provider()) for _ in range(self.size)))

    def _seeded(self, locale: str) -> Any:
        fake = _faker(locale)
        if locale not in self.seeds:
            self.seeds[locale] = int(self.rng.integers(2**63))
            fake.seed_instance(self.seeds[locale])
        return fake

    def _ascii(self, name: str) -> list[str]:
        words = dict.fromkeys(_to_ascii(word) for word in self.atoms(name).to_pylist())
        return [word for word in words if word] or [_to_ascii(word) for word in self.atoms("user_name").to_pylist()]

    def take(self, name: str, n: int) -> pa.Array:
        """Return `n` atoms drawn with replacement."""
        atoms = self.atoms(name)
        return atoms.take(pa.array(self.rng.integers(len(atoms), size=n)))

    def numbers(self, low: int, high: int, n: int) -> pa.Array:
        """Return `n` whole numbers from low to high, both included, as strings."""
        return pa.array(self.rng.integers(low, high + 1, size=n)).cast(pa.string())


def _to_ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "".join(c for c in plain.lower() if c.isalnum())


def join(*parts: Any) -> pa.Array:
    """Return the parts (arrays or constants) put together, row by row."""
    return pc.binary_join_element_wise(*parts, "")


def of_chars(rng: np.random.Generator, positions: list[str], n: int) -> pa.Array:
    """Return `n` strings of ASCII with a random choice at each position."""
    grid = np.empty((n, len(positions)), dtype=np.uint8)
    for i, chars in enumerate(positions):
        codes = np.frombuffer(chars.encode("ascii"), dtype=np.uint8)
        grid[:, i] = codes[rng.integers(len(codes), size=n)] if len(codes) > 1 else codes[0]
    return of_grid(grid)


def of_grid(grid: npt.NDArray[np.uint8]) -> pa.Array:
    """Return the rows of a grid of ASCII codes as strings."""
    rows, width = grid.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(grid)))


Maker = Callable[[Pools, int], pa.Array]
