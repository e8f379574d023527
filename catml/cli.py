"""The commands, which are also the entry points of MLproject."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from catml import __version__, config, quiet, readers, screen
from catml.errors import CatmlError, InputError, did_you_mean

# Whose errors say what is wrong with the machine, a server or a file, and not with catml.
OTHERS = {"mlflow", "sqlalchemy", "psycopg", "optuna", "requests", "urllib3", "pyarrow"}

# What keeps nothing to go on from.
ANEW = ("benchmark", "predict", "serve", "export")
# Words that stand alone: what they are called, how many there may be, and what they are.
POSITIONAL = {
    "predict": ("PHOTO", "*", "a photo, a folder of photos, a pattern, or -"),
    "check": ("PHOTOS", "?", "the same as --photos"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    commands = {
        "check": _check, "extract": _extract, "train": _train, "benchmark": _benchmark, "predict": _predict,
        "serve": _serve, "export": _export, "talk": _talk, "backbones": _backbones,
    }  # fmt: skip
    command = ""
    try:
        command, values, problems = parse(sys.argv[1:] if arguments is None else arguments)
        commands[command](values, problems)
    except CatmlError as error:
        screen.complain(error.problems if isinstance(error, InputError) else [str(error)])
        return error.exit_code
    except BrokenPipeError:  # `catml predict … | head`: whoever read has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in OTHERS:
            raise  # a mistake of catml's own: the traceback is wanted
        screen.complain([f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"])
        return 1
    except KeyboardInterrupt:
        kept = "what was finished is kept, and the same command goes on from there"
        screen.complain([f"interrupted; {'the same command begins anew' if command in ANEW else kept}."])
        return 130
    return 0


def parse(arguments: Sequence[str]) -> tuple[str, dict[str, Any], list[str]]:
    """Return the command, its checked values, and the problems of the others: unknown names, wrong types.

    Raises:
        InputError: unknown command, or words that can't be told apart.
    """
    parser = _parser()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in config.COMMANDS:
        near = did_you_mean(arguments[0], config.COMMANDS)
        raise InputError(f"no command '{arguments[0]}'.{near} There are {', '.join(config.COMMANDS)}.")
    options, unknown = parser.parse_known_args(_spelt_out(arguments))
    if options.command is None:
        parser.print_help()
        parser.exit(0)
    parameters = {parameter.name: parameter for parameter in config.COMMANDS[options.command][1]}
    given = {name: value for name in parameters if (value := getattr(options, name)) is not None}
    values, problems = config.read_parameters(options.command, given)
    if options.command == "predict":
        # Photos on both sides of an option are all meant.
        stray = _stray(unknown)
        unknown = [word for word in unknown if word not in stray]
        values["photos"] = [*options.PHOTO, *stray, *filter(None, [values["photos"]])]
        if not values["photos"]:
            problems.append("photos: expected photos or folders of photos, got none.")
    elif options.command == "check" and options.PHOTOS:
        if "photos" in given:
            problems.append(f"photos: given twice, '{options.PHOTOS}' and '{given['photos']}'.")
        values["photos"] = options.PHOTOS
    return options.command, values, [*_unknown(unknown, options.command, list(parameters)), *problems]


def _spelt_out(arguments: Sequence[str]) -> list[str]:
    """Return the words of a command that takes photos, with "=true" after yes-or-no names that stand alone.

    Else `catml predict --log cat.jpg` would take the photo for the answer.
    """
    if not arguments or arguments[0] not in POSITIONAL:
        return list(arguments)
    flags = {f"--{p.name.replace('_', '-')}" for p in config.COMMANDS[arguments[0]][1] if p.is_flag}
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return [
        f"{word}=true" if word in flags and after and not readers.is_yes_or_no(after) else word for word, after in pairs
    ]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}. 'catml --help' shows what there is.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="catml", description="Labelled photos in, a classifier with a believable accuracy out.")
    parser.add_argument("--version", action="version", version=f"catml {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, (what, parameters) in config.COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".", allow_abbrev=False)
        if name in POSITIONAL:
            word, count, text = POSITIONAL[name]
            command.add_argument(word, nargs=count, help=text)
        for parameter in parameters:
            default = f" (default: {parameter.default})" if parameter.default else ""
            # Extra parameters of `mlflow run` arrive with the underscore they are declared with.
            spellings = dict.fromkeys((f"--{parameter.name.replace('_', '-')}", f"--{parameter.name}"))
            text = (parameter.help + default).replace("%", "%%")  # argparse would fill something in
            bare: dict[str, Any] = {"nargs": "?", "const": "true"} if parameter.is_flag else {}
            command.add_argument(*spellings, dest=parameter.name, metavar="…", help=text, **bare)
    return parser


def _unknown(words: Sequence[str], command: str, known: Sequence[str]) -> list[str]:
    problems = []
    for word in words:
        if word.startswith("--"):
            name = word[2:].partition("=")[0].replace("-", "_")
            problems.append(
                f"{command} has no parameter '{name}'.{did_you_mean(name, known)} It has {', '.join(known)}."
            )
    return problems + [
        f"{command}: '{word}' is not understood. Parameters are given as --name value." for word in _stray(words)
    ]


def _stray(words: Sequence[str]) -> list[str]:
    """Return the words that are neither names nor, perhaps, the values of unknown ones."""
    return [word for word, before in zip(words, ["", *words], strict=False) if not {word[:2], before[:2]} & {"--"}]


def _check(values: dict[str, Any], problems: list[str]) -> None:
    from catml import check

    check.show(values, problems)


def _extract(values: dict[str, Any], problems: list[str]) -> None:
    from catml import pipeline

    found = pipeline.find(values, problems)
    pipeline.announce(found)
    quiet.settle()
    count = pipeline.extract(found)
    for source in found.sources:
        screen.say(f"{source.backbone.name}: features {source.backbone.width} wide in {source.store.folder}")
    screen.say(f"{count} extracted")


def _train(values: dict[str, Any], problems: list[str]) -> None:
    from catml import pipeline
    from catml.photos import named
    from catml.study import space, store

    try:
        space.read(values.get("space", ""), values.get("views", 0))
    except InputError as error:
        problems += error.problems
    problems += store.unreachable(values.get("storage", ""))
    if values.get("other"):
        problems += [f"other: {problem}" for problem in named.find([values["other"]])[1]]
    found = pipeline.find(values, problems)
    quiet.settle()
    from catml import summary, tracking
    from catml.train import train

    result = train(found, values)
    if result is not None:
        summary.show(result, values["register_as"], tracking.store())


def _benchmark(values: dict[str, Any], problems: list[str]) -> None:
    from catml import pipeline

    found = pipeline.find_photos(values, problems)
    quiet.settle()
    from catml import summary, tracking
    from catml.benchmark import benchmark, show

    show(benchmark(found, values))
    screen.say(f"look       {summary.how_to_look(tracking.store())}")


def _predict(values: dict[str, Any], problems: list[str]) -> None:
    if problems:
        raise InputError(problems)
    quiet.settle("tensorflow", "mlflow")
    from catml import prediction

    prediction.show(values["photos"], values["model"], values["format"], values["copy_to"], values["log"])


def _serve(values: dict[str, Any], problems: list[str]) -> None:
    if problems:
        raise InputError(problems)
    from catml.serving import server

    server.serve(values)


def _export(values: dict[str, Any], problems: list[str]) -> None:
    if "format" not in values or "output" not in values:
        raise InputError(problems)
    quiet.settle("mlflow")
    from catml import export

    export.show(values["model"], values["format"], values["output"], values["photos"], problems)


def _talk(values: dict[str, Any], problems: list[str]) -> None:
    project = Path(__file__).resolve().parents[1]
    if not (project / "experiments" / "talk" / "__init__.py").is_file():
        raise InputError([*problems, "talk: an experiment of catml's repository, not installed; run it in a clone."])
    # The `catml` script has its own folder on the path, and another project's `experiments` may be there.
    sys.path.insert(0, str(project))
    quiet.settle()
    importlib.import_module("experiments.talk.run").show(values, problems)


def _backbones(values: dict[str, Any], problems: list[str]) -> None:
    from catml import choice

    choice.show(values, problems)
