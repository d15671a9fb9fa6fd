from nnlint.questions.training.clipping import MisplacedClip, misplaced_clips
from nnlint.remedies.training import move
from nnlint.rule import Applicability, Changes, Context, Level, Programs, changes, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN508",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton",
    on=Programs(),
    fix=Applicability.UNSAFE,
)
def clip_misplaced(program: Program, context: Context) -> None:
    """Gradients are clipped where that has no effect, or the wrong one.

    ## What it does
    Reports gradient clipping that, whichever path the program takes, runs before the
    backward pass, after the optimizer's step, or on gradients that a scaler has multiplied
    and not unscaled.

    ## Why it hurts training
    Clipped before `backward` or after `step`, the gradients that are applied have any
    length, and one bad batch can ruin the model. Scaled gradients are longer by the scale,
    often 65536: a bound meant for them as they are shrinks each of them to almost nothing.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # want: clip-misplaced
            loss.backward()
            optimizer.step()
    ```

    ## Use instead
    ```python
    import torch
    from torch import nn


    def train(model, loader, criterion):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    ```

    ## When not to use it
    A call with an infinite bound only measures the norm, and is not reported.

    ## References
    - [clip_grad_norm_](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)
    - [Gradient clipping with a scaler](https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-clipping)
    """
    for found in misplaced_clips(program):
        clip, other = found.clip.site, found.other.site
        match found.why:
            case "early":
                message = (
                    f"`{clip.text}` clips nothing: `{other.text}` computes the gradients "
                    "behind it, and they are applied at any length"
                )
                place = "the gradients are computed here"
                help_ = f"Clip between `{other.text}` and the step."
                fix = ("Clip behind the backward pass", move(clip, after=other))
            case "late":
                message = (
                    f"`{clip.text}` clips nothing that counts: `{other.text}` has applied the "
                    "gradients already, at any length"
                )
                place = "they are applied here"
                first = "Unscale the gradients and clip them" if found.unscales else "Clip"
                help_ = f"{first} before `{other.text}`."
                # they would be clipped scaled
                moved = None if found.unscales else move(clip, before=other)
                fix = ("Clip before the step", moved)
            case _:
                message = (
                    f"`{clip.text}` clips gradients that `{other.text}` has scaled: against the "
                    "bound they are longer by the scale, and what is applied is almost nothing"
                )
                place = "they are scaled here"
                help_ = "Call the scaler's `unscale_(optimizer)` before clipping."
                fix = ("Unscale the gradients before clipping", _unscale(program, found))
        context.report(clip, message, help=help_, related=[(other, place)], fix=fix)


def _unscale(program: Program, found: MisplacedClip) -> Changes:
    """`scaler.unscale_(optimizer)`, in the words of the step that follows."""
    events = program.events()
    behind = events[events.index(found.clip) :]
    unscale = next((event for event in behind if event.kind in ("unscale", "step")), None)
    if unscale is not None and unscale.kind == "unscale":
        return move(unscale.site, before=found.clip.site)
    step = next((event for event in behind if event.kind == "step"), None)
    text = changes.source_text(step.site) if step else ""
    if step is None or ".step(" not in text or step.site.module is not found.clip.site.module:
        return None
    return changes.insert_before(found.clip.site, text.replace(".step(", ".unscale_(", 1))
