"""The use-cases: what happens to an upload, step by step, over the ports."""
