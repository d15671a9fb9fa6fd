"""What is learnt from rows that are held out: fitted before the split, or on the test part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nnlint.questions.data.cuts import roles_of_cuts, roles_of_part, training_cuts
from nnlint.questions.data.splits import EVAL, TRAIN, role_of_name
from nnlint.semantics.analysis import Program
from nnlint.semantics.records import record
from nnlint.semantics.rows import (
    SPREADS,
    Fit,
    Resampling,
    Rows,
    held_rows,
    learns,
    row_names,
    rows_of,
)
from nnlint.semantics.timeline import Event
from nnlint.semantics.values import Built, Site, Value, names_of
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import function_around

_BY_HAND = frozenset({"slice", "chosen"})
"""Cuts of which only a name or a branch tells what they leave."""
_SPLITS = frozenset({"split", "fold"})
"""Cuts that tell what is trained on from what is held out, by themselves."""


@record(frozen=True, eq=False)
class Leak:
    """Something that is learnt from rows that are held out."""

    fit: Fit
    split: Site | None
    """Where the rows are split that it was learnt from; None where it is the held-out part."""
    part: str = ""
    """What the program calls the held-out part."""

    @property
    def within_fit(self) -> bool:
        """Whether an estimator scales the rows that its own `fit` is given, and what it trains keeps
        some back, in a function of its own: they say when to stop, and are no score."""
        around = function_around(self.fit.site.module, self.fit.site.node)
        if self.split is None or around is None or around.name != "fit":
            return False
        stays = self.split.module is self.fit.site.module and stands_in(self.split.node, around)
        return not stays and bool(around.args.args) and around.args.args[0].arg == "self"


def leaks(program: Program) -> list[Leak]:
    """What a program learns from held-out rows, and uses.

    Each place once, and once for each split what one estimator learns again and again, or the
    statistics of the program's own.
    """
    found: dict[object, Leak] = {}
    told: set[object] = set()
    for leak in sorted((*_before_split(program), *_on_test_part(program)), key=_place):
        split = None if leak.split is None else leak.split.key
        sort = (split, id(leak.fit.by) if leak.fit.by is not None else leak.fit.fills)
        if sort not in told:
            found.setdefault(leak.fit.site.key, leak)
            told.add(sort)
    return list(found.values())


def _place(leak: Leak) -> tuple[str, int, int]:
    name, row, column, _ = leak.fit.site.key
    return name, row, column


def _before_split(program: Program) -> Iterator[Leak]:
    roles, training = roles_of_cuts(program), training_cuts(program)
    parted: dict[object, dict[str, tuple[Fit, Site]]] = {}
    for event in program.events("part", "build", "cross_validate"):
        if event.kind == "build":
            yield from _of_subset(event)
            for role, fit in _of_built_part(event):
                parted.setdefault(_learnt(fit), {}).setdefault(role, (fit, event.site))
        elif event.kind == "cross_validate":
            yield from _before_cross_validation(event)
        elif event.name == "transform":
            yield from _applied_to_parts(event, roles)
        elif event.name in _SPLITS:
            for rows in held_rows(event.subject):
                for fit in _learnt_from_all(rows):
                    # a training part that is split once more has another part beside it
                    if not any(id(cut) in training for cut in fit.over.cuts):
                        yield Leak(fit, event.site)
        else:
            for role in roles_of_part(event):
                for rows in held_rows(event.subject):
                    if rows.source is None or rows.source.put_together:
                        # a training set and a test set without targets go apart again
                        continue
                    for fit in _learnt_from_all(rows):
                        parted.setdefault(_learnt(fit), {}).setdefault(role, (fit, event.site))
    for known in parted.values():
        if TRAIN in known and EVAL in known:
            yield Leak(*known[EVAL])


def _learnt(fit: Fit) -> object:
    """What tells one thing that is learnt from another: where, and from which rows. One helper may
    scale each part by itself."""
    return fit.site.key, id(fit.over.source), tuple(map(id, fit.over.cuts))


def _before_cross_validation(event: Event) -> Iterator[Leak]:
    """What was learnt from all rows of a cross-validation: where these are what is called a
    training part, only what follows the targets, since a scale is left nearly the same."""
    for operand in event.operands:
        for rows in held_rows(operand):
            part = bool(rows.cuts) or _is_called_training(operand)
            for fit in _learnt_from_all(rows):
                if not rows.cuts and (not part or _follows_targets(fit)):
                    yield Leak(fit, event.site)


def _is_called_training(value: Value | None) -> bool:
    """Whether rows are called a training part."""
    return any(role_of_name(name) == TRAIN for name in row_names(value))


def _follows_targets(fit: Fit) -> bool:
    """Whether an estimator chooses or encodes by the targets."""
    if fit.by is None or fit.by.entry.family not in ("selector", "encoder"):
        return False
    return fit.name not in ("VarianceThreshold", "KBinsDiscretizer", "SplineTransformer")


def _of_subset(event: Event) -> Iterator[Leak]:
    """What was learnt from all of a data set of which a `Subset` is made to evaluate on."""
    part = event.subject
    if (
        not isinstance(part, Built)
        or part.entry.family != "subset"
        or "indices" not in part.explicit
    ):
        return
    if any(role_of_name(name) == EVAL for name in names_of(part)):
        for rows in held_rows(part.arguments.get("dataset")):
            yield from (Leak(fit, event.site) for fit in _learnt_from_all(rows))


def resampled_before_split(program: Program) -> Iterator[tuple[Resampling, Site]]:
    """Where rows are doubled, made out of others or left out before they are split, and the split."""
    told: set[object] = set()
    for event in program.events("part", "cross_validate"):
        crossed = event.kind == "cross_validate"
        if not crossed and event.name not in _SPLITS:
            continue
        for whole in event.operands if crossed else (event.subject,):
            for rows in held_rows(whole):
                if crossed and (rows.cuts or _is_called_training(whole)):
                    # the test part is apart
                    continue
                for resampling in rows.resampled:
                    if resampling.site.key not in told:
                        told.add(resampling.site.key)
                        yield resampling, event.site


def _of_built_part(event: Event) -> Iterator[tuple[str, Fit]]:
    """For a loader or data set that is given a part of some rows: what part the program calls it,
    and what was learnt from all of those rows."""
    built = event.subject
    if not isinstance(built, Built) or built.entry.kind not in ("loader", "dataset"):
        return
    roles = {role for name in names_of(built) if (role := role_of_name(name))}
    sampler = built.arguments.get("sampler")
    sampled = isinstance(sampler, Built) and sampler.entry.family == "subset_random"
    for rows in held_rows(built) if len(roles) == 1 else ():
        whole = rows
        if not sampled:
            if not rows.cuts or rows.cuts[-1].kind not in _BY_HAND:
                continue
            whole = replace(rows, cuts=rows.cuts[:-1])
        if rows.source is not None and not rows.source.put_together:
            for role in roles:
                yield from ((role, fit) for fit in _learnt_from_all(whole))


def _learnt_from_all(rows: Rows) -> list[Fit]:
    """What was learnt from all of some rows, or more, and went into their values."""
    covering = [
        fit
        for fit in rows.fits
        # what is learnt from a training part is not learnt from what the first split holds out
        if fit.over.covers(rows) and all(cut.kind not in _SPLITS for cut in fit.over.cuts)
    ]
    by_hand = {fit.name for fit in covering if fit.by is None}
    if not any(name.endswith("min") for name in by_hand):
        # divided by the largest value there is, which is mostly known
        covering = [fit for fit in covering if fit.by is not None or fit.name not in SPREADS]
    return covering


def _applied_to_parts(event: Event, roles: dict[int, set[str]]) -> Iterator[Leak]:
    """What was fitted on all rows and is applied to a part of them."""
    for rows in held_rows(event.operands[0] if event.operands else None):
        for fit in rows.fits:
            behind = rows.cuts[len(fit.over.cuts) :]
            if fit.by is event.subject and behind and fit.over.covers(rows):
                cut = behind[0]
                if cut.kind in _SPLITS or roles.get(id(cut), set()) & {TRAIN, EVAL}:
                    yield Leak(fit, cut.site)


def _on_test_part(program: Program) -> Iterator[Leak]:
    """Estimators that are fitted on what is called a held-out part, of a split in sight."""
    for event in program.events("fit_statistics"):
        given = event.operands[0] if event.operands else None
        rows, estimator = rows_of(given), event.subject
        if rows is None or not rows.cuts or not isinstance(estimator, Built):
            continue
        cut, called = rows.cuts[-1], estimator.entry.name.rpartition(".")[2]
        if cut.kind != "split" or cut.place != 1 or not learns(estimator):
            continue
        names = [name for name in row_names(given) if role_of_name(name) == EVAL]
        if names:
            yield Leak(Fit(event.site, rows, estimator, called), None, names[0])
