"""The upstreams of UPSTREAMS.md on loopback, for development, demonstrations and tests.

Scalepoint Hub Property, ClaimShop and token endpoint, and Oracle ECM, with cases in memory, magic identifiers for
every situation, switches for faults, and a history of what was received and done.  See ``docs/sandbox.md``.

This package imports nothing from the rest of ``gateway``: what one side misreads, the other must not misread too.
"""
