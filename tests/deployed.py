"""The functions that are deployed, and the names of what belongs to each."""

from __future__ import annotations

from filmgate_local.layout import CHECKOUT

FUNCTIONS = sorted(file.parent.name for file in CHECKOUT.glob("functions/*/function.yml"))
"""Folders under functions/, such as ``dead_letters``."""


def name_of(function: str) -> str:
    """A function's name on AWS, behind the stage's: ``dead-letters``."""
    return function.replace("_", "-")


def logical(function: str, suffix: str = "LambdaFunction") -> str:
    """The logical name of what belongs to a function: ``DeadLettersLambdaFunction``."""
    return "".join(word.capitalize() for word in function.split("_")) + suffix


def zip_of(function: str) -> str:
    """The file that the packager makes of a folder: ``deadLetters.zip``."""
    first, *rest = function.split("_")
    return first + "".join(word.capitalize() for word in rest) + ".zip"
