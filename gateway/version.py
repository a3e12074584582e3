"""The version of the gateway, in one place."""

__version__ = "0.1.0"
