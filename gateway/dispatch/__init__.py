"""The loop of one backend: ask for permission, send, decide, settle."""
