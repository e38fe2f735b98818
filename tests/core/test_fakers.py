"""Faker's lists, in processes with other string hashes."""

import subprocess
import sys

LISTS = """
import hashlib
from faker.config import AVAILABLE_LOCALES
from tasks.core.fakers import faker_of
for locale in sorted(AVAILABLE_LOCALES):
    for provider in faker_of(locale).get_providers():
        for name in sorted(dir(provider)):
            value = None if name.startswith("__") else getattr(provider, name, None)
            if isinstance(value, list | tuple | dict) and name != "credit_card_types":  # objects, with their addresses
                print(locale, name, hashlib.sha256(repr(value).encode()).hexdigest()[:12])
"""


def test_every_list_is_the_same_in_every_process():
    """Of all locales: what a seed draws must not depend on how a process hashes strings."""
    one, two = (
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LISTS],
            env={"PATH": "", "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for seed in ("1", "2")
    )
    assert len(one) > 5_000
    assert [pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]] == []
