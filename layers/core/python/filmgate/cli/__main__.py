"""`python -m filmgate.cli`."""

from filmgate.cli.app import main

main()
