"""The garbage collector of a process that runs recipes."""

import gc


def collect_rarely() -> None:
    """Let the collector look for cycles after 50,000 new objects, not after every 700.

    What is imported, and the answers of a shard until it is written, live long: by default it looks through them
    hundreds of times, which takes a quarter of the CPU time of a stage that asks a quick engine.
    """
    gc.set_threshold(50_000, 20, 20)
