"""OUT: whose it is, and who may take it up again without being told to."""

import pytest

from tasks.core.errors import UserError
from tasks.export import write_json
from tasks.publish import MANIFEST, claim, publish


def ended(out, state):
    """Leave a run in OUT that has ended in a state, or, as `running`, that has not."""
    partial = claim(out, "mine", resume=False, overwrite=False)
    if state != "running":
        write_json({"state": state}, partial / MANIFEST)
        publish(out, "mine", state)


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_same_run_goes_on_where_it_was_killed_or_stopped(tmp_path, state):
    """A budget, a gate or an engine that is gone stopped it: the same command goes on."""
    ended(tmp_path / "out", state)
    assert claim(tmp_path / "out", "mine", resume=False, overwrite=False).is_dir()


@pytest.mark.parametrize(
    ("state", "identity", "message"),
    [
        ("done", "mine", "holds a finished run; add --resume or --overwrite"),
        ("stopped", "another", "holds a finished run; add --resume or --overwrite"),
        ("running", "another", "holds another run, which did not end; --resume takes its place"),
    ],
    ids=["finished", "another that was stopped", "another that did not end"],
)
def test_what_would_be_lost_is_asked_for(tmp_path, state, identity, message):
    """A finished run, and any run of another recipe, stay until told otherwise."""
    ended(tmp_path / "out", state)
    with pytest.raises(UserError, match=message):
        claim(tmp_path / "out", identity, resume=False, overwrite=False)
    assert claim(tmp_path / "out", identity, resume=True, overwrite=False).is_dir()
