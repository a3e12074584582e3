"""Operations know the upstream that they were accepted for, and cases stand in the queue of that one.

What was accepted before is of an upstream that nobody noted: it waits, counted, and can be cancelled.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it to each operation, empty where it is not known; a queue is that of a backend at one upstream."""
    text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("operations", sa.Column("upstream", text, nullable=False, server_default=""))
    op.execute("ALTER TABLE cases RENAME COLUMN backend TO queue")


def downgrade() -> None:
    """Refuse: a ledger is evidence, and is never taken apart."""
    message = "upstreams cannot be forgotten again"
    raise NotImplementedError(message)
