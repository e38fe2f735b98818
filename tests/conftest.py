"""What every test gets."""

from hypothesis import settings

# A deadline measures the machine, and shared machines are slow at times.
settings.register_profile("tilth", deadline=None)
settings.load_profile("tilth")
