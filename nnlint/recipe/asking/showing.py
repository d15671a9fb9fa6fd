"""What a run shows to people: as text, as a picture, in the log of an experiment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.recipe.context import Context, Run
from nnlint.recipe.watching import Call
from nnlint.semantics.values import Items, Table, Tensor, Unknown, Value

PICTURE, CURVE, TEXT, RECORD = "picture", "curve", "text", "record"
_PICTURES = frozenset(
    "imshow matshow imsave save_image add_image add_images Image Video Audio Figure imwrite "
    "pcolormesh pcolor specshow waveshow add_video add_audio draw_bounding_boxes "
    "draw_segmentation_masks play log_image log_images add_figure "
    "write_png write_jpeg PhotoImage show_image show_batch plot_trisurf voxels".split()
)
_CURVES = frozenset(
    "plot scatter line bar barh hist hist2d boxplot violinplot step stem errorbar semilogy loglog "
    "semilogx heatmap lineplot histplot scatterplot barplot kdeplot displot pairplot add_embedding "
    "contourf plot_surface fill_between line_plot".split()
)
_TEXTS = frozenset(
    "print pprint echo secho info warning error critical exception write tqdm.write display table "
    "set_postfix set_postfix_str set_description set_description_str".split()
)
_RECORDS = frozenset(
    "log log_metric log_metrics log_dict log_text log_table log_artifact add_scalar add_scalars "
    "add_text add_histogram add_pr_curve writerow writerows track report report_scalar dump dumps "
    "to_csv to_json save savez savetxt savefig record writelines Table Histogram".split()
)
_OF_TRACKERS = frozenset({"add", "put", "emit", "update", "append", "push", "metric"})
"""Names of methods that keep something where a module of a tracker has them."""
_OF_PROGRESS = frozenset(
    {"set_postfix", "set_postfix_str", "set_description", "set_description_str"}
)
_IMAGES = frozenset({"fromarray", "to_pil_image", "ToPILImage"})
_COMPUTES = ("builtins.", "torch.", "numpy.", "math.", "einops.", "itertools.", "functools.")
_ALL = {
    **dict.fromkeys(_RECORDS, RECORD),
    **dict.fromkeys(_TEXTS, TEXT),
    **dict.fromkeys(_CURVES, CURVE),
    **dict.fromkeys(_PICTURES, PICTURE),
}


@dataclass(frozen=True, slots=True, eq=False)
class Show:
    """A call by which people get to see something."""

    call: Call
    kind: str
    """picture, curve, text or record (of an experiment's log, or a file)."""
    values: tuple[Value, ...]
    """What is shown."""


def shows(context: Context, *runs: Run) -> Iterator[Show]:
    """The calls by which runs show something; in a notebook, what a cell ends with is shown."""
    for run in runs or context.runs:
        for call in context.calls(run):
            kind = _kind(call)
            if kind is not None:
                drawn = kind in (PICTURE, CURVE)
                made = (call.receiver,) if drawn and call.receiver is not None else ()
                if call.given or made:
                    yield Show(call, kind, (*call.given, *made))
            elif run.kind == "notebook" and _stands_alone(call):
                yield Show(call, TEXT, (call.result,))


def shown_values(context: Context, run: Run) -> set[int]:
    """The identities of all that a run shows, or shows something about, and of what that is
    computed from."""
    found: set[int] = set()
    for show in shows(context, run):
        tests = [c.test for c in show.call.event.conditions]
        found |= {id(value) for value in context.tracing.behind(*show.values, *tests)}
    return found


def _stands_alone(call: Call) -> bool:
    """Whether a call is a statement of its own at the top of a notebook."""
    statements = call.site.module.tree.body
    return any(isinstance(s, ast.Expr) and s.value is call.site.node for s in statements)


def _kind(call: Call) -> str | None:
    if call.is_own:
        return None
    last, name = call.last_name, call.name
    made_by = call.receiver.name if isinstance(call.receiver, Unknown) else ""
    if last in ("save", "show") and made_by.rpartition(".")[2] in _IMAGES:
        return PICTURE
    if isinstance(call.receiver, Tensor | Items | Table):
        return None
    if last in _OF_PROGRESS:
        # of a progress bar around a loader
        return TEXT
    if name.startswith("torch.utils.tensorboard."):
        return _ALL.get(last)
    if name == "torch.save":
        return RECORD
    if name.startswith(_COMPUTES) and name != "builtins.print" and not last.startswith("save"):
        return None
    if last in _OF_TRACKERS and type(call.receiver).__name__ == "External":
        return RECORD
    return _ALL.get(last)
