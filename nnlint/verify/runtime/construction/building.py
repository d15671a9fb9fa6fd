"""From a target such as `pkg.model:Net` to a subject for the probes."""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, Callable, Optional

import torch
from torch import nn

from ..devices import choose
from ..inputs import Inputs, is_integer
from ..recipes import arguments_as_text
from ..running import Runner
from ..steps import NoStep, Step, inputs_of
from ..subject import NOTHING, Options, Subject, parameter_of
from ..trees import Path, replace
from .batch_axis import batch_hint
from .constructing import NotBuilt, as_given, construct
from .enclosing import capture, literal_calls
from .first_guess import LENGTHS
from .fitting import NotRun, fit_inputs
from .known import known_arguments
from .missing import Missing
from .on_data import Data
from .slicing import find_file, load_slice, package_of
from .trials import trial

BUDGET = 45.0
"""Seconds to find arguments and inputs for one class."""


class NotLoaded(Exception):
    """The target's module or class cannot be had; the message says why."""


class Built:
    """A model, inputs if there are any, and how both were found."""

    def __init__(self) -> None:
        self.model: Optional[nn.Module] = None
        self.inputs: Optional[Inputs] = None
        self.origin = ""
        self.arguments: list[str] = []
        self.again: Optional[Callable[[], nn.Module]] = None
        """Constructs it once more."""
        self.constructor: Optional[str] = None
        """The constructor's arguments as text that makes them again, where there is one."""
        self.problem = ""
        self.step: Optional[Step] = None
        """Its training step on a real batch, where there is one."""


class _Fitting:
    """Where inputs come from: the user, else a search that begins with what is known."""

    def __init__(
        self,
        target: Any,
        shapes: Optional[list[dict[str, Any]]],
        known: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.target, self.shapes, self.known = target, shapes, known

    def inputs(self, model: nn.Module, arguments: dict[str, Any], deadline: float) -> Inputs:
        """Inputs that a model runs on.

        Raises:
            NotRun: there are none, or the user's do not do.
        """
        if self.shapes:
            return _given(model, self.shapes)
        return fit_inputs(model, arguments, deadline, self.known)


def _given(model: nn.Module, shapes: list[dict[str, Any]]) -> Inputs:
    inputs = _with_lengths(model, given_inputs(shapes))
    was_training = model.training
    model.eval()
    _, error = trial(model, inputs)
    model.train(was_training)
    if error is not None:
        raise NotRun(f"with the inputs given: {type(error).__name__}: {error}"[:300])
    return inputs


def _with_lengths(model: nn.Module, inputs: Inputs) -> Inputs:
    """Inputs of the user whose lengths are none of zero, which few models take."""

    def change(path: Path, tensor: torch.Tensor) -> torch.Tensor:
        named = LENGTHS.search(parameter_of(model, path).lower())
        lengths = named and is_integer(tensor) and tensor.dim() == 1
        return tensor.clamp(min=1) if lengths else tensor

    args, kwargs = replace((inputs.args, inputs.kwargs), change)
    return dataclasses.replace(inputs, args=args, kwargs=kwargs)


def load_target(filename: str, name: str, as_package: bool = True, within: str = "") -> Any:
    """A class or function by file and name, or a variable of a function.

    A module of a package is imported, as users of the package do; a script is sliced, and
    so is a module whose import fails.

    Raises:
        NotLoaded: neither works; the message has the slice's error.
    """
    root, dotted = package_of(filename)
    if root not in sys.path:
        sys.path.insert(0, root)
    if as_package and "." in dotted and not within:
        try:
            module = importlib.import_module(dotted)
            return getattr(module, name)
        except (Exception, SystemExit):
            pass
    is_package = os.path.basename(filename) == "__init__.py"
    package = dotted.rpartition(".")[0]
    if package:
        _import_parents(package, root)
    package = dotted if is_package else package
    if within:
        return _variable(filename, name, within, dotted, package)
    # what the slice of another class brought along is the same class to `isinstance`
    loaded = getattr(sys.modules.get(dotted), name, None)
    if isinstance(loaded, type) and _file_of_module(dotted) == os.path.abspath(filename):
        return loaded
    try:
        module, _ = load_slice(filename, name, f"{dotted}" if package else dotted, package)
        return getattr(module, name)
    except KeyError:
        raise NotLoaded(f"{filename} defines no {name}") from None
    except (ImportError, SyntaxError, OSError, AttributeError) as error:
        raise NotLoaded(f"{type(error).__name__}: {error}") from error


def _variable(filename: str, name: str, within: str, dotted: str, package: str) -> Any:
    """What a variable of a function holds before the loop in it.

    Raises:
        NotLoaded: the statements that make it do not run here.
    """
    inner = f"{dotted}_{within}"
    try:
        module, problems = load_slice(filename, name, inner, package, within)
        found = getattr(module, name)
    except KeyError:
        raise NotLoaded(f"{within}() in {filename} sets no {name}") from None
    except (ImportError, SyntaxError, OSError, AttributeError) as error:
        raise NotLoaded(str(error)) from error
    if isinstance(found, Missing):
        raise NotLoaded(problems[-1] if problems else f"{name} is missing")
    return found


def _file_of_module(name: str) -> str:
    return os.path.abspath(getattr(sys.modules[name], "__file__", None) or "")


def _import_parents(package: str, root: str) -> None:
    """Parents of a sliced module; one whose own import fails becomes an empty package."""
    import types

    parts = package.split(".")
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        try:
            importlib.import_module(name)
        except (Exception, SystemExit):
            empty = types.ModuleType(name)
            empty.__path__ = [os.path.join(root, *parts[:depth])]
            sys.modules[name] = empty


def build(
    filename: str,
    name: str,
    args: Optional[list[Any]] = None,
    kwargs: Optional[dict[str, Any]] = None,
    shapes: Optional[list[dict[str, Any]]] = None,
    seed: int = 0,
    budget: float = BUDGET,
    knowledge: Optional[dict[str, Any]] = None,
    data: Optional[Data] = None,
    within: str = "",
    on_loaded: Callable[[], None] = lambda: None,
) -> Built:
    """Build a class and find inputs for it.

    Parameters:
        args, kwargs: constructor arguments that the user gave.
        shapes: inputs that the user gave: `shape`, `dtype` and `high` each.
        knowledge: what the static side knows of the class, see `known.py`.
        within: the function whose variable it is.
        data: a real batch that it is to run on; made-up inputs take its place where it does not.
        budget: seconds to build it and to find inputs, at most half of which loading may add.
        on_loaded: called when the class is there, before anything is built.

    Raises:
        NotLoaded: the class cannot be had.
    """
    latest = time.monotonic() + 1.5 * budget
    target = load_target(filename, name, within=within)
    on_loaded()
    started = time.monotonic()
    budget = max(0.0, min(budget, latest - started))
    deadline = started + budget
    result = Built()
    if data is not None:
        _on_data(
            result,
            target,
            filename,
            name,
            (args or [], kwargs or {}),
            seed,
            deadline,
            knowledge,
            data,
        )
        if result.step is not None:
            return result
    if not isinstance(target, type):
        if isinstance(target, nn.Module):
            return _finish(
                result, target, {}, "the object itself", _Fitting(target, shapes), deadline
            )
        return _factory(
            result, target, args or [], kwargs or {}, _Fitting(target, shapes), deadline
        )
    if not issubclass(target, nn.Module):
        raise NotLoaded(f"{name} is no nn.Module")
    fitting = _Fitting(target, shapes, [c["args"] for c in (knowledge or {}).get("inputs", [])])
    if args or kwargs:
        try:
            found = as_given(target, args or [], kwargs or {}, seed, started + budget / 3)
        except NotBuilt as error:
            result.problem = str(error)
            return result
        return _finish(result, *found, fitting, deadline)
    calls = (knowledge or {}).get("built", [])
    partly = [(known_arguments(c["args"], load_target), f"call at {c['at']}") for c in calls]
    known = literal_calls(filename, name)
    try:
        for model, arguments, origin in construct(
            target, known, seed, started + budget / 3, partly
        ):
            limit = min(deadline, time.monotonic() + budget / 5)
            _finish(result, model, arguments, origin, fitting, limit)
            if result.inputs is not None or time.monotonic() > started + budget / 2:
                break
    except NotBuilt as error:
        result.problem = str(error)
    if result.inputs is None and not shapes:
        _from_owner(result, target, filename, deadline)
    return result


def _on_data(
    result: Built,
    target: Any,
    filename: str,
    name: str,
    given: tuple[list[Any], dict[str, Any]],
    seed: int,
    deadline: float,
    knowledge: Optional[dict[str, Any]],
    data: Data,
) -> None:
    """Build the model so that it runs on a real batch; nothing where it does not."""
    limit = time.monotonic() + (deadline - time.monotonic()) / 2
    if not isinstance(target, type):
        try:
            model = target if isinstance(target, nn.Module) else target(*given[0], **given[1])
            step = data.step(model)
        except NoStep as error:
            data.problem = str(error)
            return
        except Exception as error:
            data.problem = f"{type(error).__name__}: {error}"[:300]
            return
        _take_step(result, model, {"args": given[0], **given[1]}, "the object itself", step)
        return
    if not issubclass(target, nn.Module):
        raise NotLoaded(f"{name} is no nn.Module")
    try:
        if any(given):
            built = [as_given(target, *given, seed, limit)]
            written = {built[0][2]: frozenset(given[1])}
            found = data.fitting(target, built, written, seed, limit)
        else:
            calls = (knowledge or {}).get("built", [])
            partly = [
                (known_arguments(c["args"], load_target), f"call at {c['at']}") for c in calls
            ]
            known = literal_calls(filename, name)
            every = construct(target, known, seed, limit, partly)
            written = {origin: frozenset(arguments) for arguments, origin in partly}
            found = data.fitting(target, every, written, seed, limit)
    except NotBuilt as error:
        data.problem = data.problem or str(error)
        return
    if found is not None:
        _take_step(result, found.model, found.arguments, found.origin, found.step)
        positional = list(found.arguments.get("args", []))
        named = {k: v for k, v in found.arguments.items() if k != "args"}
        result.constructor = arguments_as_text(found.arguments)
        result.again = lambda: target(*positional, **named)


def _take_step(
    result: Built, model: nn.Module, arguments: dict[str, Any], origin: str, step: Step
) -> None:
    result.model, result.step, result.origin = model, step, origin
    result.inputs = inputs_of(model, step)
    result.arguments, result.problem = _as_text(arguments), ""


def _factory(
    result: Built,
    target: Any,
    args: list[Any],
    kwargs: dict[str, Any],
    fitting: _Fitting,
    deadline: float,
) -> Built:
    torch.manual_seed(0)
    try:
        model = target(*args, **kwargs)
    except Exception as error:
        result.problem = f"{type(error).__name__}: {error}"
        return result
    if not isinstance(model, nn.Module):
        raise NotLoaded("the target gives no nn.Module")
    return _finish(
        result, model, {"args": args, **kwargs}, "the function's result", fitting, deadline
    )


def _finish(
    result: Built,
    model: nn.Module,
    arguments: dict[str, Any],
    origin: str,
    fitting: _Fitting,
    deadline: float,
) -> Built:
    """Find inputs for an instance; the first instance stays if none is found."""
    try:
        inputs = fitting.inputs(model, arguments, deadline)
    except NotRun as error:
        if result.model is None:
            result.model, result.origin, result.problem = model, origin, str(error)
            result.arguments = _as_text(arguments)
        return result
    result.model, result.inputs, result.origin, result.problem = model, inputs, origin, ""
    result.arguments = _as_text(arguments)
    if not isinstance(fitting.target, nn.Module):
        result.constructor = arguments_as_text(arguments)
        positional = list(arguments.get("args", []))
        named = {k: v for k, v in arguments.items() if k != "args"}
        result.again = lambda: fitting.target(*positional, **named)
    return result


def _as_text(arguments: dict[str, Any]) -> list[str]:
    plain = {k: v for k, v in arguments.items() if k != "args"}
    told = [" ".join(repr(v).split())[:80] for v in arguments.get("args", [])]
    return told + [f"{k}={' '.join(repr(v).split())}"[:80] for k, v in plain.items()]


def _from_owner(result: Built, target: type[nn.Module], filename: str, deadline: float) -> None:
    for model, inputs, origin in capture(target, filename, load_target, deadline):
        if result.model is None:
            result.model, result.origin = model, origin
        if inputs is not None:
            result.model, result.inputs, result.origin, result.problem = model, inputs, origin, ""
            return


def given_inputs(shapes: list[dict[str, Any]]) -> Inputs:
    """Inputs of shapes and types that the user gave.

    Raises:
        ValueError: a type is none of torch's.
    """
    generator = torch.Generator().manual_seed(0)
    args, highs = [], {}
    for index, item in enumerate(shapes):
        dtype = getattr(torch, item.get("dtype") or "float32", None)
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"torch has no type {item['dtype']!r}")
        shape = tuple(item["shape"])
        if dtype == torch.bool:
            args.append(torch.ones(shape, dtype=torch.bool))
        elif dtype.is_floating_point or dtype.is_complex:
            args.append(torch.randn(shape, generator=generator).to(dtype))
        else:
            high = int(item.get("high") or 2)
            highs[0, index] = high
            args.append(torch.randint(high, shape, generator=generator).to(dtype))
    return Inputs.of(tuple(args), {}, 0, highs)


def subject_of(built: Built, options: Options, device: str) -> Subject:
    """The built model as the probes take it."""
    assert built.model is not None
    chosen = choose(device)
    model = built.model.to(chosen.torch_device)
    step = built.step
    if step is not None:
        step.stepped.to(chosen.torch_device)
        step.inputs = step.inputs.to(chosen.torch_device)
    assert built.inputs is not None or step is not None
    inputs = NOTHING if built.inputs is None else built.inputs.to(chosen.torch_device)
    return Subject(Runner(model, chosen), inputs, options, batch_hint(model), built.again, step)


def file_of(module: str) -> str:
    """The file of a dotted module name.

    Raises:
        NotLoaded: it is not found on `sys.path`.
    """
    path = find_file(module)
    if path is None:
        raise NotLoaded(f"there is no module {module} on the path of this interpreter")
    return path
