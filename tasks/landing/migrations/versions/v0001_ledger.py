"""The ledger as it began: what arrived, and what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "arrivals",
        sa.Column("uri", sa.Text, primary_key=True),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.Column("digest", sa.String(32)),
        sa.Column("route", sa.String(40)),
    )
    op.create_index("arrivals_digest", "arrivals", ["digest"])
    op.create_table(
        "contents",
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("route", sa.String(40), primary_key=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("landed_at", sa.Double, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("woken_at", sa.Double, nullable=False),
        sa.Column("wake", sa.String(32)),
        sa.Column("owner", sa.Text),
        sa.Column("lease_until", sa.Double),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("claimed_at", sa.Double),
        sa.Column("finished_at", sa.Double),
        sa.Column("release", sa.Text),
        sa.Column("rows", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("told", sa.Boolean, nullable=False),
    )
    op.create_index("contents_state", "contents", ["state", "due_at"])


def downgrade() -> None:
    op.drop_table("contents")
    op.drop_table("arrivals")
