"""The closing sentences of a report."""

from __future__ import annotations

from nnlint.finding import Applicability, Finding, Level
from nnlint.report import Report

_NOUNS = {
    Level.ERROR: ("error", "errors"),
    Level.WARNING: ("warning", "warnings"),
    Level.ADVICE: ("piece of advice", "pieces of advice"),
    Level.PEDANTIC: ("pedantic finding", "pedantic findings"),
}


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def sentences(report: Report) -> list[str]:
    """What a run came to, in a few sentences."""
    refuted = [f for f in report.findings if f.taken_back]
    standing = [f for f in report.findings if not f.taken_back]
    said = []
    if report.fixed:
        said.append(f"Fixed {count(report.fixed, 'finding')}.")
    if standing:
        said.append(f"Found {_by_level(standing)} in {_where(standing, report.files)}.")
    else:
        said.append(_nothing(report))
    confirmed = sum(f.verdict is not None and f.verdict.status == "CONFIRMED" for f in standing)
    if confirmed or refuted:
        said.append(f"Running the code confirmed {confirmed} and refuted {len(refuted)}.")
    return said + _fixable(standing)


def _by_level(findings: list[Finding]) -> str:
    numbers = [(level, sum(f.level is level for f in findings)) for level in Level]
    parts = [count(number, *_NOUNS[level]) for level, number in numbers if number]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _where(findings: list[Finding], files: int) -> str:
    number = len({f.filename for f in findings})
    return f"{number} of {count(files, 'file')}" if files > number else count(number, "file")


def _nothing(report: Report) -> str:
    left = "No findings left in " if report.fixed else "No findings in "
    if report.took_part == 0 and report.files:
        none = "it does not use" if report.files == 1 else "none of them uses"
        return f"{left}{count(report.files, 'file')}: {none} PyTorch."
    return f"{left}{count(report.files, 'file')}."


def _fixable(findings: list[Finding]) -> list[str]:
    safe = sum(f.fix is not None and f.fix.applicability is Applicability.SAFE for f in findings)
    unsafe = sum(f.fix is not None for f in findings) - safe
    if not safe and not unsafe:
        return []
    if not safe:
        return [f"{unsafe} can be fixed with `--fix --unsafe-fixes`."]
    more = f", {unsafe} more with `--unsafe-fixes`" if unsafe else ""
    return [f"{safe} can be fixed with `--fix`{more}."]
