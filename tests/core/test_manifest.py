import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import TilthError
from tasks.core.manifest import FileRef, ShardManifest, StageManifest, digest
from tests.strategies import counters


@st.composite
def shards(draw):
    rejected, failed = draw(counters), draw(counters)
    accepted = draw(st.integers(0, 100))
    seen = accepted + sum(rejected.values()) + sum(failed.values())
    data = FileRef("k", accepted, 10, "d") if accepted else None
    return ShardManifest("key", draw(st.integers(0, 9)), 0, seen, accepted, rejected, failed, {"a": 1}, data)


@given(shards())
def test_shard_manifest_survives_json(shard):
    """What goes through Prefect's result store comes back equal."""
    assert ShardManifest.from_json(shard.to_json()) == shard


def test_shard_that_does_not_add_up_is_refused():
    """A lost record is an error where it happens, not a footnote in a table."""
    with pytest.raises(TilthError, match="does not add up: 2 of 3"):
        ShardManifest("key", 0, 0, seen=3, accepted=1, rejected={"too_short": 1})


@given(st.lists(shards(), max_size=5), st.integers(0, 100))
def test_conservation_holds_for_every_stage(made, pending):
    """seen = accepted + rejected + failed + pending, whatever the shards hold."""
    table = StageManifest("s", "m@1", 10, 1, pending, tuple(made)).conservation()
    assert table["seen"] == table["accepted"] + table["rejected"] + table["failed"] + table["pending"]
    assert table["rejected"] == sum(table["rejected_by_reason"].values())


def test_digest_does_not_depend_on_key_order():
    """Two spellings of the same params are the same work."""
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
