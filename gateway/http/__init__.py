"""The HTTP API: a module a resource, wire structs that are nothing but wire, and one table of problems."""
