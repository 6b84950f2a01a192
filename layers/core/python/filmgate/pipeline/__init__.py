"""The processing of an upload: one function over the ports for each step."""
