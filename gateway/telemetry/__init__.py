"""Events, and the observers that turn them into metrics, logs and traces."""
