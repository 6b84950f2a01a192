"""Decoding in a child process that can do no harm; see README.md."""
