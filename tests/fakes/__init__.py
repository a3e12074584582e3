"""Small stand-ins for parts, true to their Protocols."""
