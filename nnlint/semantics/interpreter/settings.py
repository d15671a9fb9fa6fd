"""Configuration files that a program reads: what it finds in them, where they are to be read."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from nnlint.semantics.interpreter.options import Options
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLED_ON,
    MADE_OF,
    READ_FROM,
    STORED_IN,
    BoundMethod,
    Built,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Partial,
    ProjectModule,
    Settings,
    Site,
    Table,
    Unknown,
    Value,
    softened,
)
from nnlint.syntax.calls import last_name

Handler = Callable[[Any, Sequence[Value], dict[str, Value], Site], Value]
_METHODS = frozenset("get items keys values pop copy update setdefault".split())
_READING = frozenset({"open", "read", "read_text", "read_bytes"})
_ABOUT_THE_CALL = frozenset({"_target_", "_partial_", "_recursive_", "_convert_", "_args_"})
"""Keys of a node that Hydra instantiates which are no arguments."""
_DEEPEST = 8
ANY_FILE = "*"
"""The path of a configuration that a person has to name, for `Machine.read_settings`."""


def setting(settings: Settings, name: str) -> Value:
    """What is read from settings as an attribute."""
    if name in settings.state:
        found: Value = settings.state[name]
        return found
    # it may be set from outside
    return BoundMethod(settings, name) if name in _METHODS else Unknown(name, "option")


def composed_for(machine: Any, function: Function, parameter: ast.arg) -> Value | None:
    """What Hydra gives to the only parameter of a function that it decorates, as far as known."""
    if machine.read_settings is None:
        return None
    for decorator in getattr(function.node, "decorator_list", ()):
        if not isinstance(decorator, ast.Call) or last_name(decorator.func) not in (
            "main",
            "hydra_main",
        ):
            continue
        callee = machine.evaluate(decorator.func)
        if not isinstance(callee, External) or callee.name not in ("hydra.main", "hydra_main"):
            continue
        given = {k.arg: machine.evaluate(k.value) for k in decorator.keywords if k.arg}
        places = ("config_path", "config_name")
        given.update({p: machine.evaluate(a) for p, a in zip(places, decorator.args, strict=False)})
        folder, name = _text(given.get("config_path")), _text(given.get("config_name"))
        if not name:
            return None
        path = f"{folder}/{name}" if folder not in ("", ".") else name
        found: Value | None = machine.read_settings(path, "hydra", function.scope.module)
        return found
    return None


def _text(value: Value | None) -> str:
    """A path as far as it is known, with `{}` for what is not."""
    if isinstance(value, Constant):
        return value.value if isinstance(value.value, str) else ""
    return value.name if isinstance(value, Unknown) and value.origin == "string" else ""


def _path_behind(value: Value | None, depth: int = 0) -> str:
    """The path of the file that something has been read from."""
    if not isinstance(value, Unknown) or depth == _DEEPEST:
        return ""
    if READ_FROM in value.state:
        return _text(value.state[READ_FROM])
    receiver = value.state.get(CALLED_ON)
    if value.name.rpartition(".")[2] not in _READING:
        return ""
    return _text(receiver) or _path_behind(receiver, depth + 1)


def _asked_for(value: Value | None) -> str:
    """What stands for the path of whichever file a person names."""
    return ANY_FILE if _is_asked_for(value) else ""


def _is_asked_for(value: Value | None, depth: int = 0) -> bool:
    """Whether a path is what a person has to give, since there is no default: on the command line,
    be it as an option."""
    if isinstance(value, Constant):
        return value.value is None and value.soft
    if not isinstance(value, Unknown) or depth == _DEEPEST:
        return False
    if value.origin == "option":
        return "." not in value.name
    behind = [value.state.get(key) for key in (READ_FROM, CALLED_ON, STORED_IN, MADE_OF)]
    behind += value.state.get(ARGUMENTS, ())[:1]
    return value.name.startswith("sys.argv") or any(
        _is_asked_for(part, depth + 1) for part in behind if isinstance(part, Value)
    )


def _opened(machine: Any, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    path = positional[0] if positional else keywords.get("file")
    return Unknown(origin="call", state={READ_FROM: path} if path is not None else {})


def _parsed(how: str, name: str) -> Handler:
    """What a parser of a format makes of what it is given: an open file, or its text."""

    def read(
        machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        given = positional[0] if positional else None
        path = _asked_for(given) or _path_behind(given)
        return _settings(machine, path, how, site) or _opaque(
            machine, name, positional, keywords, site
        )

    return read


def _loaded(how: str, name: str) -> Handler:
    """What is read from a file that is given by its path, or opened."""

    def read(
        machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        given = positional[0] if positional else None
        path = _asked_for(given) or _text(given) or _path_behind(given)
        return _settings(machine, path, how, site) or _opaque(
            machine, name, positional, keywords, site
        )

    return read


def _opaque(
    machine: Any, name: str, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    result: Value = machine.opaque_call(name, positional, keywords, site)
    return result


def _settings(machine: Any, path: str, how: str, site: Site) -> Value | None:
    if not path or machine.read_settings is None:
        return None
    found: Value | None = machine.read_settings(path, how, site.module)
    return found


def _merged(
    machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    """`OmegaConf.merge(a, b)`: later ones over earlier ones."""
    whole = Settings({}, None)
    known = False
    for given in positional:
        if isinstance(given, (Table, Options)):
            known = True
            merge(whole.state, given.state)
    return whole if known else Unknown("settings", "option")


def merge(below: dict[Any, Any], above: dict[Any, Any], depth: int = 0) -> None:
    """Lay settings over others, key by key."""
    for key, value in above.items():
        under = below.get(key)
        if isinstance(value, Table) and isinstance(under, Table) and depth < _DEEPEST:
            both = Settings(dict(under.state), value.site)
            merge(both.state, value.state, depth + 1)
            below[key] = both
        else:
            below[key] = value


def _instantiated(
    machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    """`hydra.utils.instantiate(settings, **more)`: a call of what they name."""
    given = positional[0] if positional else keywords.get("config")
    if isinstance(given, Table):
        made = _made_of(machine, given, tuple(positional[1:]), keywords, site, 0)
        if made is not None:
            return made
    return _opaque(machine, "hydra.utils.instantiate", positional, keywords, site)


def _made_of(
    machine: Any,
    settings: Table,
    positional: Sequence[Value],
    keywords: dict[str, Value],
    site: Site,
    depth: int,
) -> Value | None:
    target = _named(machine, _text(settings.state.get("_target_")), site)
    if target is None:
        return None
    given = {
        str(key): _part_made(machine, value, site, depth)
        for key, value in settings.state.items()
        if isinstance(key, str) and key not in _ABOUT_THE_CALL
    }
    given.update({key: value for key, value in keywords.items() if key not in _ABOUT_THE_CALL})
    whether = keywords.get("_partial_") or settings.state.get("_partial_")
    if isinstance(whether, Constant) and whether.value is True:
        return Partial(target, tuple(positional), given)
    result = machine.call(target, positional, given, site)
    if isinstance(result, (Built, Instance)):
        result.state[READ_FROM] = settings.state["_target_"]
    return result if isinstance(result, Value) else None


def _part_made(machine: Any, value: Value, site: Site, depth: int) -> Value:
    """A part of settings, instantiated where it names what to make of it."""
    if depth < _DEEPEST and isinstance(value, Table) and "_target_" in value.state:
        return _made_of(machine, value, (), {}, site, depth + 1) or Unknown(origin="call")
    if depth < _DEEPEST and isinstance(value, Items) and not value.open:
        parts = tuple(_part_made(machine, item, site, depth + 1) for item in value.items)
        return Items(value.kind, {"items": parts}, value.site)
    return softened(value)


def _named(machine: Any, name: str, site: Site) -> Value | None:
    """What a dotted name stands for: of a library, or of the project."""
    if not name or "{}" in name:
        return None
    external = machine.external(name)
    if external.entry is not None:
        found: Value = external
        return found
    *packages, last = name.split(".")
    for length in range(len(packages), 0, -1):
        scope = machine.module_scope(".".join(packages[:length]), site.module)
        if scope is not None:
            value: Value = ProjectModule(scope)
            for part in (*packages[length:], last):
                value = machine.attribute(value, part, site)
            return value
    return external if machine.library.is_foreign(name) else None


def _argument_parser(
    machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    """`HfArgumentParser((ModelArguments, TrainingArguments))`: makes objects of these classes."""
    given = positional[0] if positional else keywords.get("dataclass_types")
    classes = given.items if isinstance(given, Items) else (given,) if given is not None else ()
    makers = {name: Partial(machine.external(name), tuple(classes), {}) for name in _MAKERS}
    return Options({name.rpartition(".")[2]: maker for name, maker in makers.items()})


_MAKERS = tuple(
    f"transformers.HfArgumentParser.parse_{what}"
    for what in ("args_into_dataclasses", "json_file", "yaml_file", "dict")
)


def _arguments_made(
    machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    """One object of each class, with what a file gives it, where its path is known."""
    classes = [v for v in positional if isinstance(v, (Class, External))]
    others = [*(v for v in positional if not isinstance(v, (Class, External)))]
    others += [v for k, v in keywords.items() if k in ("json_file", "yaml_file", "args")]
    settings: Value | None = others[0] if others and isinstance(others[0], Table) else None
    if others and settings is None:
        path = _text(others[0])
        settings = _settings(machine, path, "json" if path.endswith(".json") else "yaml", site)
    told = settings.state if isinstance(settings, Table) else {}
    of_project = {field for c in classes if isinstance(c, Class) for field in c.fields}
    made = []
    for cls in classes:
        if isinstance(cls, Class):
            given = {f: told[f] for f in cls.fields if f in told}
        else:
            given = {k: v for k, v in told.items() if isinstance(k, str) and k not in of_project}
        made.append(machine.call(cls, (), given, site))
    return Items("tuple", {"items": tuple(made)})


SETTINGS_HANDLERS: dict[str, Handler] = {
    "transformers.HfArgumentParser": _argument_parser,
    "builtins.open": _opened,
    "io.open": _opened,
    "omegaconf.OmegaConf.load": _loaded("omegaconf", "omegaconf.OmegaConf.load"),
    "omegaconf.OmegaConf.merge": _merged,
    "hydra.utils.instantiate": _instantiated,
}
for _name in _MAKERS:
    SETTINGS_HANDLERS[_name] = _arguments_made
for _name in ("safe_load", "load", "full_load", "unsafe_load"):
    SETTINGS_HANDLERS[f"yaml.{_name}"] = _parsed("yaml", f"yaml.{_name}")
for _name in ("json.load", "json.loads"):
    SETTINGS_HANDLERS[_name] = _parsed("json", _name)
for _name in ("tomllib", "tomli", "toml"):
    for _verb in ("load", "loads"):
        SETTINGS_HANDLERS[f"{_name}.{_verb}"] = _loaded("toml", f"{_name}.{_verb}")
