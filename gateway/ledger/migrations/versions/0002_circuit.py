"""The circuit and the retry budget of a backend."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""As in revision 0001: compared byte by byte."""


def upgrade() -> None:
    """Add what the calls say of their backend, and what follows from it."""
    # 1 the backend itself failed it, 0 it did not, null: the call says nothing of the backend.
    op.add_column("calls", sa.Column("failed", sa.SmallInteger))
    op.create_table(
        "circuits",
        sa.Column("backend", TEXT, primary_key=True),
        sa.Column("open_until", sa.BigInteger),  # null while it is closed
        sa.Column("closed_at", sa.BigInteger, nullable=False),  # calls granted before count no more
        sa.Column("trial_call_id", TEXT),  # the last call that was to find out whether the backend works again
        sqlite_with_rowid=False,
    )
    op.create_table(
        "budgets",
        sa.Column("backend", TEXT, primary_key=True),
        sa.Column("tokens", sa.Float(53), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Refuse: a ledger is evidence, and is never taken apart."""
    message = "a revision of the ledger cannot be undone"
    raise NotImplementedError(message)
