"""Dashboards, rules and the list of metrics, made from code: `make observability` writes them."""
