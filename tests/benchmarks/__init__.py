"""Measurements, each a command of its own: see README.md beside this."""

import os

# As the deployed functions have it (serverless.yml), and before any of them loads numpy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
