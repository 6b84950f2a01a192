"""Assets, jobs, results and matches, and the ports to their storage."""
