"""Options that a person sets from outside, with their defaults: argparse, click, typer, namespaces."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nnlint.semantics.values import NONE, Constant, Items, Site, Table, Unknown, Value, softened
from nnlint.syntax.calls import called_name

Handler = Callable[[Any, Sequence[Value], dict[str, Value], Site], Value]
PARSING = frozenset({"parse_args", "parse_intermixed_args"})
TYPED_PARSER = "tap.Tap"
"""A class whose annotated attributes are the options, with their defaults."""
GROUPS = frozenset({"add_argument_group", "add_mutually_exclusive_group"})


METHODS = frozenset(
    "add_argument add_subparsers set_defaults get_default error exit print_help print_usage "
    "format_help format_usage parse_known_args parse_known_intermixed_args register "
    "convert_arg_line_to_args update items keys values get pop copy merge to_dict".split()
).union(PARSING, GROUPS)
"""Methods of parsers and namespaces; any other attribute is an option."""


class Options(Value):
    """An argument parser or namespace: the options by name, with their defaults."""

    __slots__ = ("state",)

    def __init__(self, state: dict[str, Value] | None = None) -> None:
        self.state: dict[str, Value] = state or {}


def option_method(
    parser: Options, name: str, positional: Sequence[Value], keywords: dict[str, Value]
) -> Value:
    """A method of a parser."""
    if name == "add_argument":
        key = _destination(positional, keywords.get("dest"))
        if key:
            parser.state[key] = _default(key, keywords)
        return Unknown("action")
    if name in PARSING or name in GROUPS:
        return parser
    if name == "parse_known_args":
        return Items("tuple", {"items": (parser, Unknown())})
    if name == "set_defaults":
        parser.state.update({key: softened(value) for key, value in keywords.items()})
        return NONE
    return Unknown(name, "option")


def _destination(flags: Sequence[Value], given: Value | None) -> str:
    """The name under which an option is found."""
    if isinstance(given, Constant) and isinstance(given.value, str):
        return given.value
    names = [f.value for f in flags if isinstance(f, Constant) and isinstance(f.value, str)]
    return destination(names)


def destination(flags: Sequence[str]) -> str:
    """The name of an option by its flags: `--lr-step` is `lr_step`."""
    long = next((f for f in flags if f.startswith("--")), flags[0] if flags else "")
    return long.partition("/")[0].lstrip("-").replace("-", "_")


def _default(key: str, keywords: dict[str, Value]) -> Value:
    action = keywords.get("action")
    kind = action.value if isinstance(action, Constant) else ""
    default = keywords.get("default")
    if isinstance(default, (Constant, Items)):
        return softened(default)
    if default is None and kind in ("store_true", "store_false"):
        return Constant(kind == "store_false", True)
    return Unknown(key, "option")


def click_defaults(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The defaults that click's decorators give to the parameters of a command."""
    for decorator in getattr(node, "decorator_list", ()):
        if called_name(decorator) not in ("option", "argument"):
            continue
        texts = [a.value for a in decorator.args if isinstance(a, ast.Constant)]
        flags = [t for t in texts if isinstance(t, str)]
        # a name without dashes is the parameter itself
        plain = next((f for f in flags if not f.startswith("-")), "")
        given = {k.arg: k.value for k in decorator.keywords}
        default = given.get("default")
        if default is None and isinstance(given.get("is_flag"), ast.Constant):
            default = ast.copy_location(ast.Constant(False), decorator)
        name = plain or destination(flags)
        if default is not None and name:
            yield name, default


def _parser(machine: Any, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    parents = keywords.get("parents")
    state: dict[str, Value] = {}
    for parent in parents.items if isinstance(parents, Items) else ():
        if isinstance(parent, Options):
            state.update(parent.state)
    return Options(state)


def _namespace(
    machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    state: dict[str, Value] = {}
    for given in positional:
        if not isinstance(given, Table):
            return Unknown("options", "option")
        state.update({k: softened(v) for k, v in given.state.items() if isinstance(k, str)})
    state.update({k: softened(v) for k, v in keywords.items() if k != "**"})
    return Options(state)


def _variables(machine: Any, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    given = positional[0] if positional else None
    return Table(dict(given.state)) if isinstance(given, Options) else Unknown(origin="call")


def _parameter(machine: Any, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    default = positional[0] if positional else keywords.get("default")
    known = isinstance(default, Constant) and default.value is not ...
    return softened(default) if known and default is not None else Unknown("", "option")


OPTION_HANDLERS: dict[str, Handler] = {
    "argparse.ArgumentParser": _parser,
    "argparse.Namespace": _namespace,
    "types.SimpleNamespace": _namespace,
    "easydict.EasyDict": _namespace,
    "munch.Munch": _namespace,
    "omegaconf.OmegaConf.create": _namespace,
    "ml_collections.ConfigDict": _namespace,
    "builtins.vars": _variables,
    "typer.Option": _parameter,
    "typer.Argument": _parameter,
}
