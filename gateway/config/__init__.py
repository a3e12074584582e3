"""File and environment become frozen settings, once, with all errors at once."""

from gateway.config.load import load

__all__ = ["load"]
