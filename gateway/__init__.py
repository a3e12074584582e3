"""Case gateway: one durable, paced API in front of Hub Property, ClaimShop and Oracle ECM."""

from gateway.version import __version__

__all__ = ["__version__"]
