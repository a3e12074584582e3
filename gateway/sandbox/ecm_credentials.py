"""ECM's authentication, the deployment's own: none, HTTP basic, or a static bearer token."""

import base64
import hmac

from gateway.sandbox.options import SandboxOptions


def accepted(options: SandboxOptions, authorization: str | None) -> bool:
    """Whether an ``Authorization`` header is the one this deployment wants."""
    if options.ecm_auth == "none":
        return True
    return hmac.compare_digest(_expected(options), (authorization or "").encode())


def challenge(options: SandboxOptions) -> bytes:
    """The ``WWW-Authenticate`` of a 401."""
    return b'Basic realm="ECM"' if options.ecm_auth == "basic" else b"Bearer"


def _expected(options: SandboxOptions) -> bytes:
    if options.ecm_auth == "bearer":
        return b"Bearer " + options.ecm_token.encode()
    return b"Basic " + base64.b64encode(f"{options.ecm_username}:{options.ecm_password}".encode())
