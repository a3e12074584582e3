"""What the sandbox is started with.  What may change while it runs stands in ``switches``."""

from pathlib import Path
from typing import Literal

import msgspec

from gateway.sandbox.switches import Switches


class SandboxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """All options; every one has a default for development.

    ``keys_dir``: where the development key pair is made, if absent, and its certificate registered from.
    ``certificates``: further PEM files to register.  ``client_secret`` of None: no client secret is accepted.
    ``audiences`` of None: the token URL as it was called.  ``require_token``: whether Hub Property and ClaimShop want
    one.  ``switches``: as they stand at the start and after a reset.
    """

    keys_dir: Path | None = None
    certificates: tuple[Path, ...] = ()
    client_id: str = "acme"
    client_secret: str | None = "sandbox-secret"  # noqa: S105 - a secret for development, on loopback, is none
    audiences: tuple[str, ...] | None = None
    require_token: bool = True
    ecm_auth: Literal["none", "basic", "bearer"] = "basic"
    ecm_username: str = "gateway"
    ecm_password: str = "sandbox"  # noqa: S105 - likewise
    ecm_token: str = "sandbox-token"  # noqa: S105 - likewise
    history_entries: int = 200_000
    max_cases: int = 1_000_000
    switches: Switches = Switches()
