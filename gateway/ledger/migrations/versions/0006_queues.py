"""An index that answers what is queued, and how far back an operation stands, without reading the operations."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put it in the place of the one that led to each of them."""
    op.drop_index("operations_unfinished", "operations")
    op.create_index(
        "operations_unfinished",
        "operations",
        ["backend", "total", "tenant", "upstream", "id", "created_at", "finished_at"],  # all that is asked for
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )


def downgrade() -> None:
    """Refuse: a ledger is evidence, and is never taken apart."""
    message = "the ledger keeps its indexes"
    raise NotImplementedError(message)
