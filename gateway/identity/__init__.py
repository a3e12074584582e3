"""Whose token it is: tokens read and judged without I/O, and the keys of their issuers, kept and renewed."""
