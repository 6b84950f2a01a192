"""A library of generated media with known copies, to try Filmgate on and to measure it by."""
