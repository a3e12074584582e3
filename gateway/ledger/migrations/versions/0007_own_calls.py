"""The last call of each case's own: a call that tries a backend out for the others takes none of that away."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Until now the two were one."""
    op.add_column("cases", sa.Column("own_call_id", TEXT))
    op.execute("UPDATE cases SET own_call_id = call_id WHERE call_id IS NOT NULL")


def downgrade() -> None:
    """Refuse: a ledger is evidence, and is never taken apart."""
    message = "the ledger keeps its columns"
    raise NotImplementedError(message)
