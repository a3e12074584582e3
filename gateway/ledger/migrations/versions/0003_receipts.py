"""Receipts, their chain and its checkpoints; and what retention has begun to remove.

Operations that ended before this revision have no receipt: what they would say was never sealed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables, and a place for a key of the installation's own."""
    op.create_table(
        "receipts",
        sa.Column("operation_id", TEXT, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),  # the operation's first end has 1
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),  # of the body
        sa.Column("sequence", sa.BigInteger),  # place in the chain; null until it is linked
        sa.Column("hash", TEXT),
        sa.Column("seal", TEXT, nullable=False),  # over the digest; over the hash, once it is linked
        sa.Column("body", TEXT, nullable=False),  # last: it may be long, and is not read where it is not asked for
        sa.PrimaryKeyConstraint("operation_id", "number"),
    )
    op.create_index("receipts_by_sequence", "receipts", ["sequence"], unique=True)
    op.create_index(
        "receipts_unlinked",
        "receipts",
        ["operation_id", "number"],
        sqlite_where=sa.text("sequence IS NULL"),
        postgresql_where=sa.text("sequence IS NULL"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("line", TEXT, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "removals",  # operations that are gone, of which cases, items or calls are left
        sa.Column("operation_id", TEXT, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.add_column("installation", sa.Column("receipt_key", TEXT))


def downgrade() -> None:
    """Refuse: receipts are evidence."""
    message = "receipts are never taken away"
    raise NotImplementedError(message)
