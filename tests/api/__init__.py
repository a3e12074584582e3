"""The whole gateway over real HTTP, against the real sandbox."""
