"""Filmgate: media intelligence. The domain, free of AWS; see README.md in each package."""

__version__ = "0.1.0"
