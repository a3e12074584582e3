"""`gateway key`: an API key for a caller, and the hash by which the gateway knows it."""

import hashlib
import secrets

import click

PREFIX = "cgw_"
"""By which a key is recognised where it should not be, such as in a repository."""
KEY_BYTES = 32

EXPLANATION = """
Give the key to the caller, who sends it as X-API-Key. It is shown this once. The hash goes into the configuration:

callers:
  name-of-the-caller:
    api_key_sha256: {}

To change a key without a gap, list both hashes until nobody uses the old key: api_key_sha256: [old, new]"""


@click.command()
def key() -> None:
    """Make an API key, and print it with its SHA-256.

    The key goes to the caller, and is kept nowhere. The hash goes into the configuration, where it is no secret.
    """
    made = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    digest = hashlib.sha256(made.encode()).hexdigest()
    click.echo(f"key     {made}")
    click.echo(f"sha256  {digest}")
    click.echo(EXPLANATION.format(digest), err=True)
