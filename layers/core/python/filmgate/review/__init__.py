"""Decisions about assets: deletion, legal holds, retention, and the audit log."""
