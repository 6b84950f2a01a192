"""Decoding media files in a sandboxed child process; see README.md."""
