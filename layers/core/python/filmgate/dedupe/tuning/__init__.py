"""Boundaries and probabilities from pairs whose truth is known; not needed to match."""
