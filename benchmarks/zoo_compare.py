"""Batch leaks found in the zoo, next to the packages that test for them.

    python benchmarks/zoo_compare.py

runs every module of tests/verify/zoo that is about the batch through nnlint and, where they
are installed (torchtest2, neural-net-checklist, lightning-bolts with pytorch-lightning 1.9),
through each package's own check, in one process and with the same inputs, and prints a
table. "Right" is a leak reported on a module that mixes and none on one that does not. All
get the batch on their own axis 0: modules whose batch is elsewhere count for no package.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from verify.zoo import CLEAN, MIXES, Case, load

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import load as load_probe
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject

Check = Callable[[Case], bool]
"""Whether a leak is reported; an exception is an error of the check."""


def nnlint(case: Case) -> bool:
    """The batch probe; inconclusive counts as silence on a clean module only."""
    inputs = Inputs.of(case.inputs())
    subject = Subject(Runner(case.build()), inputs, Options(axis=case.axis))
    answer = load_probe("batch-dependency").run(subject)
    if answer.status == "INCONCLUSIVE":
        if "by design" in answer.summary:
            return True
        raise RuntimeError(answer.summary)
    return answer.status == "CONFIRMED"


def torchtest2_check(case: Case) -> bool:
    """torchtest2's `batch_independence`."""
    import torchtest2

    model = case.build().eval()
    skip = [name for name in torchtest2.CHECKS if name not in ("forward", "batch_independence")]
    report = torchtest2.check_model(model, case.inputs(), skip=skip)
    result = next(r for r in report.results if r.name == "batch_independence")
    if result.status.name not in ("PASS", "FAIL"):
        raise RuntimeError(f"{result.status.name}: {result.message}")
    return result.status.name == "FAIL"


def checklist_forward(case: Case) -> bool:
    """neural-net-checklist's forward check."""
    from neural_net_checklist import torch_diagnostics

    return _asserts(torch_diagnostics.assert_forward_batch_independence, case)


def checklist_backward(case: Case) -> bool:
    """neural-net-checklist's backward check."""
    from neural_net_checklist import torch_diagnostics

    return _asserts(torch_diagnostics.assert_backward_batch_independence, case)


def _asserts(assertion: Callable[..., None], case: Case) -> bool:
    (given,) = case.inputs()
    try:
        assertion(case.build, (given, torch.zeros(given.shape[0])))
    except AssertionError:
        return True
    return False


def bolts_check(case: Case) -> bool:
    """lightning-bolts' BatchGradientVerification."""
    from pl_bolts.callbacks.verification.batch_gradient import BatchGradientVerification

    model: nn.Module = case.build()
    # it asks the first parameter for the device: a module that has none gets one
    model.register_parameter("anchor", nn.Parameter(torch.zeros(())))
    return not BatchGradientVerification(model).check(case.inputs())


CHECKS: dict[str, Check] = {
    "nnlint": nnlint,
    "torchtest2": torchtest2_check,
    "neural-net-checklist, forward": checklist_forward,
    "neural-net-checklist, backward": checklist_backward,
    "lightning-bolts": bolts_check,
}


def main() -> None:
    """Run each check on each module, and print the table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    cases = [c for c in load() if c.truth in (MIXES, CLEAN) and c.axis == 0]
    print(f"{len(cases)} modules, {sum(c.truth == MIXES for c in cases)} of which mix examples\n")
    print("| check | right | leaks missed | false alarms | errors | seconds |\n|-|-|-|-|-|-|")
    notes = []
    for name, check in CHECKS.items():
        missed, alarms, errors = [], [], []
        started = time.perf_counter()
        for case in cases:
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    found = check(case)
            except ImportError as error:
                notes.append(f"{name}: {error}")
                break
            except Exception as error:
                errors.append(f"{case.name} ({type(error).__name__})")
                continue
            if found != (case.truth == MIXES):
                (missed if case.truth == MIXES else alarms).append(case.name)
        else:
            right = len(cases) - len(missed) - len(alarms) - len(errors)
            seconds = time.perf_counter() - started
            counts = f"{right} | {len(missed)} | {len(alarms)} | {len(errors)} | {seconds:.1f}"
            print(f"| {name} | {counts} |")
            for kind, found_in in (
                ("missed", missed),
                ("false alarms", alarms),
                ("errors", errors),
            ):
                if found_in:
                    notes.append(f"{name}, {kind}: {', '.join(found_in)}")
    print("\n" + "\n".join(f"- {note}" for note in notes))


if __name__ == "__main__":
    main()
