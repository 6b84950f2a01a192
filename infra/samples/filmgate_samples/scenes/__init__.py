"""Procedural pictures. A scene takes a random generator, a size and times, and yields frames."""
