"""`nnlint verify TARGET`: run the probes on a module, without a finding."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nnlint.cli.verification import tell_unguarded, time_limit_option, verification_options
from nnlint.verify.targets import Target, TargetError, read_target

if TYPE_CHECKING:
    from nnlint.config import Config

_DTYPES = (
    *("float32", "float64", "float16", "bfloat16", "complex64", "complex128"),
    *("int64", "int32", "int16", "int8", "uint8", "bool", "float", "double", "half", "long", "int"),
)
_LOSSES = ("cross_entropy", "nll", "bce_with_logits", "bce", "mse", "l1", "huber")


@click.command(short_help="Build a module and prove what is wrong with it.")
@click.argument("target")
@click.option(
    "--input",
    "shapes",
    multiple=True,
    metavar="SHAPE",
    help="Shape of an input, batch first: 4,3,32,32. Repeat for more inputs.",
)
@click.option(
    "--input-dtype",
    "dtypes",
    multiple=True,
    metavar="TYPE",
    help="Type of each input, in the same order: float32, int64, or int64:1000 for values "
    "below 1000.",
)
@click.option("--args", "arguments", metavar="JSON", help="Constructor arguments, as an object.")
@click.option("--axis", type=int, help="The batch axis (default: found out).")
@click.option(
    "--causal",
    is_flag=True,
    help="The model must not see later time steps (default: where it says so itself).",
)
@click.option("--time-axis", type=int, help="The time axis of the inputs (default: found out).")
@click.option("--loss", type=click.Choice(_LOSSES), help="The loss that the model is trained with.")
@click.option(
    "--loader",
    metavar="NAME",
    help="Where real batches come from: pkg.data:make_loader, or with arguments that are written "
    "down, data.py:make_loader('songs', 32).",
)
@click.option("--probe", "probes", multiple=True, metavar="NAME", help="Run only this probe.")
@click.option("--output-format", type=click.Choice(["full", "json"]), default="full")
@time_limit_option(600.0, "Longest time for all models of a file or folder.")
@verification_options
def verify(target: str, **options: Any) -> int:
    """Build TARGET (pkg.model:Net or path/model.py:Net) and run every probe on it.

    A file or folder without a class stands for all models in it: each that can be built is
    probed, and the faults are told with the static findings about the same.

    The module runs in a process of its own, in the project's interpreter, under limits of
    time, memory, file size and open files. It cannot open connections, start programs, or
    write outside a scratch folder that is thrown away. That guards against accidents; it
    is no security boundary: verify no code that you would not run.

    Exit status: 0 no fault shown, 1 a fault is confirmed, 2 nothing could be verified.
    """
    from nnlint.config import config_for
    from nnlint.verify.catalogue import IF_MEANT
    from nnlint.verify.report import Screen, as_data, write_outputs
    from nnlint.verify.running import Conditions, verify_target

    tell_unguarded(options)
    if ":" not in target and (Path(target).is_dir() or target.endswith(".py")):
        from nnlint.cli.survey import survey_path

        return survey_path(target, options)
    try:
        wanted = read_target(target)
        given = _given(options)
        probes = chosen_probes(options)
        data = _data(options)
    except TargetError as error:
        raise click.UsageError(str(error)) from error
    config = config_for(Path.cwd())
    conditions = Conditions.of(options, dict(config.verify))
    named = ("axis", "time_axis", "loss")
    probe_options: dict[str, Any] = {k: options[k] for k in named if options[k] is not None}
    probe_options.update({"causal": True} if options["causal"] else {})
    screen = Screen(wanted.title, quiet=options["output_format"] == "json")
    with screen:
        if_meant = () if options["probes"] or options["causal"] else IF_MEANT
        outcome = verify_target(
            wanted, probes, conditions, probe_options, given, screen.on_event, if_meant, data
        )
        if not options["probes"] and not outcome.failure:
            rows = _doubted(wanted, config)
            if rows:
                finding = {"rows": rows, "filename": str(Path(wanted.file).absolute())}
                doubted = {**probe_options, "finding": finding}
                answered = verify_target(
                    wanted, ["view-order"], conditions, doubted, given, screen.on_event
                )
                outcome.results += answered.results
    if options["output_format"] == "json":
        click.echo(json.dumps(as_data(wanted, outcome), indent=2, ensure_ascii=False))
    else:
        screen.report(outcome, color=sys.stdout.isatty())
    if options["verify_output"]:
        for path in write_outputs(
            Path(options["verify_output"]), _with_file(wanted, outcome), outcome
        ):
            click.echo(f"wrote {path}", err=True)
    if outcome.failure:
        return 2
    if all(r.status == "INCONCLUSIVE" for r in outcome.results):
        return 2
    return int(any(r.status == "CONFIRMED" for r in outcome.results))


def _doubted(target: Target, config: Config) -> list[int]:
    """Lines of a class that a rule reports, and on which only the sizes of a run can tell."""
    from nnlint.engine import Linter
    from nnlint.verify.survey import models_in

    if not target.file:
        return []
    linter = Linter(lambda folder: config, cache_dir=None, follows_edits=False)
    models = {m.target.name: m for m in models_in([target.file])}
    if target.name not in models:
        return []
    first, last = models[target.name].rows
    findings = linter.run(linter.discover([target.file])).findings
    rows = {f.start.row for f in findings if f.probe == "view-order"}
    return sorted(row for row in rows if first <= row <= last)


def _data(options: dict[str, Any]) -> dict[str, Any]:
    """What the worker takes its batches from, where a loader is named."""
    from nnlint.verify.loaders import LONGEST_SHARE, read_loader

    if not options["loader"]:
        return {}
    loader = read_loader(options["loader"])
    return {"loader": loader.as_job(LONGEST_SHARE * options["timeout"])}


def _with_file(target: Target, outcome: Any) -> Target:
    return Target(target.name, file=outcome.built.get("file", "")) if not target.file else target


def _given(options: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if options["arguments"]:
        try:
            value = json.loads(options["arguments"])
        except ValueError as error:
            raise TargetError(f"--args is no JSON: {error}") from error
        if isinstance(value, list):
            given["positional"] = value
        elif isinstance(value, dict):
            given["args"] = value
        else:
            raise TargetError("--args must be a JSON object or list")
    if options["shapes"]:
        given["inputs"] = _shapes(options["shapes"], options["dtypes"])
    elif options["dtypes"]:
        raise TargetError("--input-dtype needs --input")
    return given


def _shapes(shapes: tuple[str, ...], dtypes: tuple[str, ...]) -> list[dict[str, Any]]:
    inputs = []
    if len(dtypes) > len(shapes):
        raise TargetError("there are more --input-dtype than --input")
    for index, text in enumerate(shapes):
        try:
            shape = [int(part) for part in text.replace("x", ",").split(",") if part.strip()]
        except ValueError:
            raise TargetError(f"--input {text}: a shape is numbers with commas") from None
        if not shape or min(shape) < 1:
            raise TargetError(f"--input {text}: sizes are positive numbers")
        dtype, _, high = (dtypes[index] if index < len(dtypes) else "float32").partition(":")
        _check_dtype(dtypes[index] if index < len(dtypes) else "float32", dtype, high)
        inputs.append({"shape": shape, "dtype": dtype, "high": int(high or 2)})
    return inputs


def _check_dtype(text: str, dtype: str, high: str) -> None:
    if dtype not in _DTYPES:
        close = difflib.get_close_matches(dtype, _DTYPES, 1)
        hint = f"; did you mean {close[0]}?" if close else f": one of {', '.join(_DTYPES)}"
        raise TargetError(
            f"--input-dtype {text}: there is no type {dtype or 'without a name'}{hint}"
        )
    if (":" in text and not high) or (high and not (high.isdigit() and int(high) > 0)):
        raise TargetError(f"--input-dtype {text}: the bound of the values is a positive number")


def chosen_probes(options: dict[str, Any]) -> list[str]:
    """The probes that the command line asks for.

    Raises:
        TargetError: there is none of that name.
    """
    from nnlint.verify.catalogue import ALIASES, DEFAULT, PROBES

    if not options["probes"]:
        return list(DEFAULT)
    chosen = []
    for name in options["probes"]:
        plain = ALIASES.get(name, name)
        if plain not in PROBES:
            close = difflib.get_close_matches(name, PROBES, 1)
            hint = f"; did you mean `{close[0]}`?" if close else f"; one of {', '.join(PROBES)}"
            raise TargetError(f"there is no probe `{name}`{hint}")
        chosen.append(plain)
    return chosen
