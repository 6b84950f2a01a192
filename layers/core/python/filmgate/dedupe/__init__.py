"""Seen before? Fingerprints, candidate search, comparison and verdicts."""
