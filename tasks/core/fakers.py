"""Faker, the same in every process."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faker import Faker


def faker_of(locale: str) -> "Faker":
    """Return a Faker of a locale, not yet seeded; AttributeError for a locale that it does not have.

    The towns of its it_IT are a list made from a set, in the order of the process's string hashes (Faker 40.54): here
    they are sorted. No other list of any locale depends on them.
    """
    from faker import Faker  # noqa: PLC0415 - a second to import; `tilth methods` must not pay it

    fake = Faker(locale)
    if locale == "it_IT":
        for provider in fake.get_providers():
            if hasattr(provider, "cities"):
                provider.cities = sorted(provider.cities)
    return fake
