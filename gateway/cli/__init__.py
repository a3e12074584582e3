"""The command line: one module a command (CONTRACT.md section 4)."""
