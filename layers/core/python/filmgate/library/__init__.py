"""Assets, jobs and matches, and where they are kept."""
