"""Values only: no I/O, no framework, no clock."""
