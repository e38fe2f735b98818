"""When to look whether the server keeps what it was told. Both columns are empty for what ended before: confirmed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nullable and without a default: a process that does not know them goes on entering contents.
    op.add_column("contents", sa.Column("confirm_s", sa.Double))
    op.add_column("contents", sa.Column("confirm_at", sa.Double))
    op.create_index("contents_confirm_at", "contents", ["confirm_at"])


def downgrade() -> None:
    op.drop_index("contents_confirm_at", "contents")
    op.drop_column("contents", "confirm_at")
    op.drop_column("contents", "confirm_s")
