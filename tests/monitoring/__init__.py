"""Dashboards, alerts and runbooks: what is made from code, and what a real Prometheus makes of it."""
