"""The number of queued cases, by caller: quotas are kept by it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Replace the slots of all callers together by slots of each; only their sum counts, so one slot takes it all."""
    op.drop_table("queue_slots")
    op.create_table(
        "queue_slots",  # the number of a caller's cases that have not ended is the sum over its slots
        sa.Column("caller", TEXT, primary_key=True),
        sa.Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("cases", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        """INSERT INTO queue_slots (caller, slot, cases)
           SELECT caller, 0, sum(total - succeeded - partial - failed - unknown - cancelled)
           FROM operations WHERE finished_at IS NULL GROUP BY caller"""
    )


def downgrade() -> None:
    """Refuse: a ledger is evidence, and is never taken apart."""
    message = "the fifth version of the ledger cannot be undone"
    raise NotImplementedError(message)
