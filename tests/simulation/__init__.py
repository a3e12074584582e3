"""The gateway's API, ledger and dispatchers on an event loop whose time is made up: a night passes in a moment."""
