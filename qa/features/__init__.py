"""Sub-pixel primitives; each returns a position with its uncertainty, or refuses with the reason."""
