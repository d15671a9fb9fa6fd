"""Searches over hyper-parameters that a run really makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.optimisation.searches import grids
from nnlint.recipe.context import Context, Run, row_of
from nnlint.recipe.watching import Call
from nnlint.semantics.values import Built, Constant, Items, Site, Table, Unknown, Value

_SUGGESTS = "suggest_"
_GUIDED = frozenset({"random", "bayes"})
"""Methods of sweeps that draw values."""
_RAY = frozenset({"ray.tune.run", "ray.tune.Tuner", "ray.tune.tuner.Tuner"})
_MINIMISERS = frozenset(
    {
        "hyperopt.fmin",
        "skopt.gp_minimize",
        "skopt.forest_minimize",
        "skopt.dummy_minimize",
        "nevergrad.optimizers.minimize",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A search that draws the values of hyper-parameters."""

    site: Site
    how: str
    """What makes it, in words."""
    parameters: tuple[str, ...]
    """What it searches over, as far as known."""


def searches(context: Context, run: Run) -> Iterator[Search]:
    """The searches of a run that draw values, but for those that go through a grid."""
    rows = {(grid.site.module.name, row_of(grid.site)) for grid in grids(run.program)}
    calls = list(context.calls(run))
    for call in calls:
        found = _search(call, calls)
        if found is not None and (found.site.module.name, row_of(found.site)) not in rows:
            yield found


def _search(call: Call, calls: list[Call]) -> Search | None:
    if call.name == "optuna.create_study.optimize":
        if not _samples_grid(call, calls):
            return Search(call.site, "Optuna draws each trial", _suggested(calls))
    elif call.name == "wandb.sweep":
        return sweep(call.argument(0, "sweep"), call.site)
    elif call.name in _RAY:
        drawn = [c for c in calls if c.name in _DRAWN_BY_RAY]
        if drawn:
            keys = _keys(call.argument(1, "config") or call.argument(1, "param_space"))
            return Search(call.site, "Ray Tune draws each trial", keys)
    elif call.name in _MINIMISERS:
        return Search(call.site, "it draws each trial", _keys(call.argument(1, "space")))
    elif call.last_name == "fit" and isinstance(call.receiver, Built):
        search = call.receiver
        if search.entry.kind == "search" and search.entry.family == "random":
            keys = _keys(search.arguments.get("param_distributions"))
            return Search(search.site, "it draws each trial", keys)
    return None


_DRAWN_BY_RAY = frozenset(
    f"ray.tune.{name}"
    for name in "uniform loguniform choice randint quniform qloguniform randn sample_from".split()
)


def _samples_grid(call: Call, calls: list[Call]) -> bool:
    """Whether a study goes through a grid."""
    for made in calls:
        if made.result is call.receiver:
            sampler = made.keywords.get("sampler")
            return isinstance(sampler, Built) and sampler.entry.family == "grid"
    return False


def _suggested(calls: list[Call]) -> tuple[str, ...]:
    """The names of the parameters that trials ask for."""
    names = []
    for call in calls:
        if call.last_name.startswith(_SUGGESTS):
            name = call.argument(0, "name")
            names.append(str(name.value) if isinstance(name, Constant) else call.site.text)
    return tuple(dict.fromkeys(names))


def sweep(given: Value | None, site: Site | None = None) -> Search | None:
    """A sweep of Weights & Biases that draws, by its settings, which may come from a file.

    Parameters:
        site: where it is started; by default where its method is set.
    """
    method = given.state.get("method") if isinstance(given, Table) else None
    if not isinstance(method, Constant) or method.value not in _GUIDED:
        return None
    place = site or method.site
    if place is None or not isinstance(given, Table):
        return None
    return Search(place, f"a sweep draws each run ({method.value})", _searched(given))


def _searched(sweep: Table) -> tuple[str, ...]:
    """The parameters of a sweep that have more than one value."""
    parameters = sweep.state.get("parameters")
    if not isinstance(parameters, Table):
        return ()
    return tuple(
        str(name)
        for name, told in parameters.state.items()
        if isinstance(told, Table) and "value" not in told.state and not _is_single(told)
    )


def _is_single(told: Table) -> bool:
    values = told.state.get("values")
    return isinstance(values, Items) and len(values.items) < 2


def _keys(space: Value | None) -> tuple[str, ...]:
    if not isinstance(space, Table):
        return ()
    drawn = {k: v for k, v in space.state.items() if isinstance(v, (Unknown, Built, Items))}
    return tuple(str(key) for key in drawn if isinstance(key, str))
