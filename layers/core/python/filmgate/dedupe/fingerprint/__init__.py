"""From decoded media to a compact, comparable fingerprint."""
