"""What maintainers run: each module is a program, `python -m tools.NAME`, and stands behind a `make` target."""
