"""Benchmarks: real processes on loopback, each figure beside what it is compared with (docs/benchmarks.md)."""
