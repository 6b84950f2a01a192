"""The report of a scan: one HTML file that needs nothing else."""
