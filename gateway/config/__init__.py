"""File and environment become frozen settings, once, with all errors at once."""
