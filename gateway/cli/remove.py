"""`gateway remove`: remove external entities, transactions, customers or accounts from ECM cases."""

from typing import Any

import click

from gateway.cli.options import Session, Waiting, cases_from_json, from_file, submits, talks_to_gateway
from gateway.cli.submit import submit

FILE_HELP = "Cases from a file or - for standard input: a JSON array, each case with its items as the API takes them."

EXAMPLES = """\b
Examples:
  gateway remove customers --tenant acme-dk --execute --case-id CA100 --item CUST123
  gateway remove external-entities --tenant acme-dk --execute --case-id CA100 --item ACFTNETRSTACO1X XA
"""


@click.group(epilog=EXAMPLES)
def remove() -> None:
    """Remove items from ECM cases through a running gateway. ECM has no dry run: it takes --execute."""


def _command(name: str, collection: str, members: tuple[str, ...]) -> None:
    """Add the command `name`, whose items have the request's fields `members[1:]` in the list `members[0]`."""
    listed, *fields = members

    @remove.command(name, help=_help(name, fields), short_help=f"Remove {name.replace('-', ' ')}.")
    @click.option("--case-id", help="The case to remove the items from.")
    @click.option(
        "--item",
        "items",
        nargs=len(fields),
        multiple=True,
        metavar=" ".join(fields),
        help="An item of that case; may be repeated.",
    )
    @from_file(FILE_HELP)
    @submits
    @talks_to_gateway
    def command(
        session: Session,
        case_id: str | None,
        items: tuple[Any, ...],
        from_file: str | None,
        tenant: str,
        execute: bool,
        idempotency_key: str,
        waiting: Waiting,
    ) -> None:
        if (case_id is None) != (not items):
            raise click.UsageError("--case-id and --item belong together")
        cases: list[Any] = []
        if case_id is not None:
            cases.append({"caseId": case_id, listed: [_item(fields, item) for item in items]})
        cases += cases_from_json(from_file) if from_file is not None else []
        submit(session, tenant, collection, cases, execute=execute, idempotency_key=idempotency_key, waiting=waiting)


def _item(fields: list[str], given: str | tuple[str, ...]) -> dict[str, str]:
    values = (given,) if isinstance(given, str) else given
    return dict(zip(fields, values, strict=True))


def _help(name: str, fields: list[str]) -> str:
    return (
        f"Remove {name.replace('-', ' ')} from ECM cases, which cannot be undone. One case by --case-id and --item "
        f"({' and '.join(fields)}), or many by --from-file. Exits 0 if every item was removed, 1 if not or if it goes "
        "on, and 2 if the gateway cannot be reached or refuses the request as it stands."
    )


_command(
    "external-entities", "external-entity-removals", ("externalEntities", "externalEntity", "externalEntityTypeCode")
)
_command("transactions", "transaction-removals", ("transactions", "transactionReferenceId", "transactionTypeCode"))
_command("customers", "customer-removals", ("customers", "customerId"))
_command("accounts", "account-removals", ("accounts", "accountId"))
