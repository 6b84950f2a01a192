"""What a file is, and its pictures and sound, decoded within limits."""
