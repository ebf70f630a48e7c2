"""Limits with their sources, one TOML file per protocol."""
