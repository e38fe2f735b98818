"""What a release says of itself in the orchestrator."""

import pytest

from flows.artifacts import artifact_key, release_markdown

MANIFEST = {
    "name": "Support desk",
    "rows": 1234,
    "stopped": "",
    "stages": [{"stage": "late_parcels", "accepted": 1234, "seen": 2000}],
}


def test_release_says_where_it_is_and_links_to_what_its_stages_left():
    """Paths as text, since no browser opens them from a server's page; links to pages beside this one."""
    lines = release_markdown(MANIFEST, "/data/out", docs=True).splitlines()
    assert lines[0] == "## Support desk: 1,234 records"
    assert {"- data: `/data/out/data/`", "- card: `/data/out/README.md`", "- report: `/data/out/docs/index.html`"} <= {
        *lines
    }
    key = "../key/support-desk-late-parcels"
    assert lines[-1] == f"| [late_parcels]({key}) | 1,234 | 2,000 | [report]({key}-checkpoint) |"
    assert artifact_key("Support desk", "late_parcels") in key


@pytest.mark.parametrize(("docs", "stopped"), [(False, ""), (True, "stage 'late_parcels': its gate failed")])
def test_release_names_no_report_that_there_is_not_and_says_when_it_is_incomplete(docs, stopped):
    said = release_markdown(MANIFEST | {"stopped": stopped}, "s3://bucket/out", docs=docs)
    assert ("s3://bucket/out/docs/index.html" in said) is docs
    assert ("**Incomplete:** stage 'late_parcels'" in said) is bool(stopped)
