"""The command line: a client of the API like any other, and the operator's tools beside it."""
