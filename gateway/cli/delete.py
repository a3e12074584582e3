"""`gateway delete`: delete cases from whichever system the tenant's configuration names."""

from typing import Any

import click

from gateway.cli.options import Session, Waiting, cases_from_json, from_file, submits, talks_to_gateway
from gateway.cli.submit import submit

FILE_HELP = (
    "More cases, from a file or - for standard input: a case number a line, or a JSON array of cases as the API takes "
    'them ([{"caseNumber": "..."}, {"caseToken": "...", "requestId": "..."}]).'
)

EXAMPLES = """\b
Examples:
  gateway delete --tenant acme-dk --dry-run --case-number CN10000
  gateway delete --tenant acme-dk --execute --from-file cases.txt --async
"""


@click.command(epilog=EXAMPLES)
@click.option("--case-number", "case_numbers", multiple=True, help="A case to delete, by its number; may be repeated.")
@click.option("--case-token", "case_tokens", multiple=True, help="A case to delete, by its token; may be repeated.")
@from_file(FILE_HELP)
@submits
@talks_to_gateway
def delete(
    session: Session,
    case_numbers: tuple[str, ...],
    case_tokens: tuple[str, ...],
    from_file: str | None,
    tenant: str,
    execute: bool,
    idempotency_key: str,
    waiting: Waiting,
) -> None:
    """Delete cases, which cannot be undone, or say with --dry-run whether they could be deleted.

    Follows the operation to its end. Exits 0 if every case succeeded, 1 if not or if it goes on, and 2 if the gateway
    cannot be reached or refuses the request as it stands.
    """
    cases: list[Any] = [{"caseNumber": number} for number in case_numbers]
    cases += [{"caseToken": token} for token in case_tokens]
    cases += _cases_from(from_file) if from_file is not None else []
    submit(
        session,
        tenant,
        "case-deletions",
        cases,
        execute=execute,
        idempotency_key=idempotency_key,
        waiting=waiting,
    )


def _cases_from(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        return cases_from_json(text)
    return [{"caseNumber": line.strip()} for line in text.splitlines() if line.strip()]
