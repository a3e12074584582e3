"""The ledger: operations, cases, items, calls, and the state of pace and pauses.

Instants are microseconds since 1970. Truth values are 0 and 1, so that the same statements serve every store.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Compared byte by byte everywhere, whatever the language of the database."""
QUEUE_SLOTS = 16


def upgrade() -> None:
    """Create every table."""
    _operations()
    _cases()
    _items()
    _calls()
    _state()


def downgrade() -> None:
    """Refuse: a ledger is evidence, and is never taken apart."""
    message = "the first version of the ledger cannot be undone"
    raise NotImplementedError(message)


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("caller", TEXT, nullable=False),
        sa.Column("idempotency_key", TEXT),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("backend", TEXT, nullable=False),
        sa.Column("system", TEXT, nullable=False),
        sa.Column("upstream_tenant", TEXT, nullable=False),
        sa.Column("execute", sa.SmallInteger, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        *(
            sa.Column(name, sa.Integer, nullable=False, server_default="0")
            for name in ("succeeded", "partial", "failed", "unknown", "cancelled")
        ),
        sa.Column("status", TEXT),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("cancelled_at", sa.BigInteger),
        sa.Column("request_id", TEXT),
        sa.Column("trace_parent", TEXT),
    )
    op.create_index(
        "operations_by_key",
        "operations",
        ["caller", "idempotency_key"],
        unique=True,
        sqlite_where=sa.text("idempotency_key IS NOT NULL"),
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index("operations_by_tenant", "operations", ["tenant", "id"])
    op.create_index(
        "operations_unfinished",
        "operations",
        ["backend", "tenant", "created_at"],
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(
        "operations_unknown",
        "operations",
        ["backend"],
        sqlite_where=sa.text("unknown > 0"),
        postgresql_where=sa.text("unknown > 0"),
    )


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("operation_id", TEXT, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("backend", TEXT, nullable=False),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("lane", sa.SmallInteger, nullable=False),  # 0 called before, 1 one-case operations, 2 bulk
        sa.Column("state", sa.SmallInteger, nullable=False),  # 0 waiting, 1 in flight, 2 ended
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("step", TEXT, nullable=False),  # act, probe
        sa.Column("identifier_type", TEXT, nullable=False),
        sa.Column("identifier", TEXT, nullable=False),
        sa.Column("exclusion", TEXT, nullable=False),  # upstream tenant, identifier type and value
        sa.Column("request_id", TEXT),
        sa.Column("request_id_given", sa.SmallInteger, nullable=False),
        sa.Column("begun", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("first_called_at", sa.BigInteger),
        sa.Column("call_id", TEXT),
        sa.Column("status", TEXT, nullable=False, server_default="pending"),
        sa.Column("found", sa.SmallInteger),
        sa.Column("deleted", sa.SmallInteger),
        sa.Column("evidence", TEXT),
        sa.Column("messages", TEXT, nullable=False, server_default="[]"),
        sa.Column("errors", TEXT, nullable=False, server_default="[]"),
        sa.Column("last_code", TEXT),
        sa.Column("retryable", sa.SmallInteger, nullable=False, server_default="0"),
        sa.Column("retry_at", sa.BigInteger),
        sa.Column("item_count", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "cases_waiting",
        "cases",
        ["backend", "lane", "tenant", "due_at", "operation_id", "position"],
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.create_index("cases_by_exclusion", "cases", ["exclusion"])
    op.create_index("cases_by_call", "cases", ["call_id"])


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("operation_id", TEXT, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),  # of the case
        sa.Column("item_position", sa.Integer, primary_key=True),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("type_code", TEXT),
        sa.Column("status", TEXT, nullable=False, server_default="pending"),
        sa.Column("unsettled", sa.SmallInteger, nullable=False, server_default="0"),  # an earlier outcome is unknown
        sa.Column("message", TEXT),
        sa.Column("evidence", TEXT),
        sa.Column("errors", TEXT, nullable=False, server_default="[]"),
        sqlite_with_rowid=False,
    )


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("operation_id", TEXT, nullable=False),
        sa.Column("backend", TEXT, nullable=False),
        sa.Column("limits_group", TEXT, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("granted_at", sa.BigInteger, nullable=False),
        sa.Column("held_until", sa.BigInteger, nullable=False),  # slot and cases are taken until then
        sa.Column("settled_at", sa.BigInteger),
        sa.Column("certain", sa.SmallInteger, nullable=False, server_default="0"),  # answered, or provably not sent
        sa.Column("outcome", TEXT),
        sqlite_with_rowid=False,
    )
    op.create_index("calls_by_grant", "calls", ["limits_group", "granted_at"])
    op.create_index("calls_by_hold", "calls", ["limits_group", "held_until"])
    op.create_index(
        "calls_unsettled",
        "calls",
        ["backend", "held_until"],
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index(
        "calls_unsettled_by_operation",
        "calls",
        ["operation_id"],
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index("calls_by_backend", "calls", ["backend", "id"])


def _state() -> None:
    op.create_table(
        "paces",
        sa.Column("limits_group", TEXT, primary_key=True),
        sa.Column("bulk_at", sa.BigInteger, nullable=False),  # when bulk may have its next turn
        sa.Column("since_bulk", sa.Integer, nullable=False),  # grants since bulk had one
        sa.Column("turns", sa.BigInteger, nullable=False),  # grants so far
        sqlite_with_rowid=False,
    )
    op.create_table(
        "turns",
        sa.Column("limits_group", TEXT, primary_key=True),
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("turn", sa.BigInteger, nullable=False),  # the number of the tenant's last grant
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pauses",
        sa.Column("backend", TEXT, primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "closures",  # times in which a backend said that it is closed; those of one backend do not overlap
        sa.Column("backend", TEXT, primary_key=True),
        sa.Column("since", sa.BigInteger, primary_key=True),
        sa.Column("until", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "installation",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("checked_at", sa.BigInteger, nullable=False),
        # How far the ledger's time is ahead of the server's clock, since that was set back (PostgreSQL only).
        sa.Column("ahead", sa.BigInteger, nullable=False, server_default="0"),
        sqlite_with_rowid=False,
    )
    slots = op.create_table(
        "queue_slots",  # the number of cases that have not ended is the sum over all slots
        sa.Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("cases", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.bulk_insert(slots, [{"slot": slot, "cases": 0} for slot in range(QUEUE_SLOTS)])
