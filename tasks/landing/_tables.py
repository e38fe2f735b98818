"""The two tables of the ledger. Times are seconds since 1970, of the database's clock."""

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

# What the listing showed last of each URI: a file is known by (uri, version), and by its digest once that was read.
arrivals = Table(
    "arrivals",
    metadata,
    Column("uri", Text, primary_key=True),
    Column("source", String(40), nullable=False),
    Column("version", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("digest", String(32)),
    Column("route", String(40)),
)
Index("arrivals_digest", arrivals.c.digest)

# One row for each content and route, however many URIs hold it.
contents = Table(
    "contents",
    metadata,
    Column("digest", String(32), primary_key=True),
    Column("route", String(40), primary_key=True),
    Column("state", String(8), nullable=False),
    Column("uri", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("landed_at", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("woken_at", Double, nullable=False),
    Column("wake", String(32)),
    Column("owner", Text),
    Column("lease_until", Double),
    Column("tries", Integer, nullable=False),
    Column("claimed_at", Double),
    Column("finished_at", Double),
    Column("release", Text),
    Column("rows", BigInteger),
    Column("reason", Text),
    Column("told", Boolean, nullable=False),
    # An end that was told is confirmed once the server is seen to keep it: how long after the last telling to look, and
    # when that is; empty once confirmed. A process from before these columns writes neither.
    Column("confirm_s", Double),
    Column("confirm_at", Double),
)
Index("contents_state", contents.c.state, contents.c.due_at)
Index("contents_confirm_at", contents.c.confirm_at)
