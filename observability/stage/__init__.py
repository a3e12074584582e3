"""A gateway, the sandbox and a Prometheus as real processes, and a script that makes every situation happen."""
