"""Engines: implementations of capabilities, and how they are declared and loaded."""
