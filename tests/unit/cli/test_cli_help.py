"""Every command teaches itself."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from filmgate.cli.app import app
from tests.unit.cli.conftest import Run


def group(command: object) -> TyperGroup:
    assert isinstance(command, TyperGroup)
    return command


def command_of(words: list[str]) -> TyperCommand:
    command: object = get_command(app)
    for word in words:
        command = group(command).commands[word]
    assert isinstance(command, TyperCommand)
    return command


COMMANDS = [
    [name] if not isinstance(command, TyperGroup) else [name, inner]
    for name, command in group(get_command(app)).commands.items()
    for inner in (command.commands if isinstance(command, TyperGroup) else [""])
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_an_example_and_exit_codes(run: Run, words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert "Examples" in result.stdout
    assert f"filmgate {' '.join(words)}" in result.stdout.split("Examples")[1]
    assert "3 the stack is not running" in result.stdout


@pytest.mark.parametrize("words", [[], ["keys"], *COMMANDS], ids=" ".join)
def test_help_is_set_to_the_width_of_the_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    text = run(*words, "--help").stdout.split("Examples")[0].split("A first look")[0]
    paragraphs = [part.split("\n") for part in re.sub(r" +\n", "\n", text).split("\n\n")]
    for lines in paragraphs:
        for line, following in itertools.pairwise(line.rstrip() for line in lines if line.strip()):
            word = following.split()[0]
            assert len(line) + 1 + len(word) > 78, (line, following)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_examples_keep_their_lines(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    lines = [line.strip() for line in run(*words, "--help").stdout.splitlines()]
    examples = str(command_of(words).help).split("[/bold]")[1].strip().splitlines()
    assert [example for example in examples if example.strip() not in lines] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_json_and_every_option_has_help(words: list[str]) -> None:
    params = command_of(words).params
    assert any("--json" in parameter.opts for parameter in params)
    assert [p.name for p in params if not getattr(p, "help", "")] == []


def test_the_commands_that_were_promised_are_there() -> None:
    promised = {
        "up", "down", "status", "samples", "upload", "scan", "assets", "matches", "show", "logs",
        "redrive", "rerun", "keys", "demo", "version", "tune",
    }  # fmt: skip
    assert promised == set(group(get_command(app)).commands)


def test_wrong_usage_is_exit_code_2(run: Run) -> None:
    assert run("scan").exit_code == 2
    assert run("assets", "--status", "odd").exit_code == 2
    assert run("nonsense").exit_code == 2


def test_help_loads_nothing_heavy() -> None:
    heavy = [
        "httpx",
        "boto3",
        "botocore",
        "fastapi",
        "numpy",
        "PIL",
        "av",
        "jinja2",
        "filmgate_local",
    ]
    code = (
        "import sys; from filmgate.cli.app import app; "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
