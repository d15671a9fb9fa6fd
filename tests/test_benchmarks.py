"""The ledger of judged findings, and the comparison of a corpus run with it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from benchmarks import corpus, ledger, record
from benchmarks.ledger import Judgement, LedgerError, Place
from benchmarks.packages import Package, packages
from nnlint.finding import Level
from nnlint.registry import load_rules

PACKAGE = Package("demo", "1.0", "0" * 64)


def finding(file: str, line: int, code: str = "NN301", level: str = "error") -> dict[str, Any]:
    return {
        "code": code,
        "name": "view-mixes-batch",
        "level": level,
        "message": "mixes",
        "filename": file,
        "location": {"row": line, "column": 1},
    }


def judged(line: int, verdict: str, version: str = "1.0") -> Judgement:
    return Judgement(version, "a.py", line, "NN301", verdict, "read")


def test_every_package_is_pinned_by_version_and_hash() -> None:
    assert len(packages()) >= 10
    assert all(p.version and len(p.sha256) == 64 for p in packages())


def test_what_is_written_is_read_and_other_releases_are_kept(tmp_path: Path) -> None:
    old = Package("demo", "0.9", "0" * 64)
    ledger.write(old, [judged(1, "false", "0.9")], tmp_path)
    ledger.write(PACKAGE, [judged(9, "true"), judged(2, "false")], tmp_path)
    assert [p.line for p in ledger.read(PACKAGE, tmp_path)] == [2, 9]
    assert ledger.read(old, tmp_path) == {Place("a.py", 1, "NN301"): judged(1, "false", "0.9")}


@pytest.mark.parametrize(
    "rows",
    [
        "1.0,a.py,2,NN301,true,read\n1.0,a.py,2,NN301,false,read\n",
        "1.0,a.py,2,NN301,perhaps,read\n",
        "1.0,a.py,two,NN301,true,read\n",
        "1.0,a.py,2,NN301,true,\n",
    ],
)
def test_a_ledger_that_means_nothing_is_an_error(tmp_path: Path, rows: str) -> None:
    header = "version,file,line,code,verdict,reason\n"
    (tmp_path / "demo.csv").write_text(header + rows, encoding="utf-8")
    with pytest.raises(LedgerError):
        ledger.read(PACKAGE, tmp_path)


def test_a_run_that_the_ledger_covers_is_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.write(PACKAGE, [judged(1, "true"), judged(2, "arguable"), judged(7, "false")], tmp_path)
    outcome = corpus.Outcome(PACKAGE, findings=[finding("a.py", 1), finding("a.py", 2)])
    assert corpus.report([outcome], tmp_path) == 0
    printed = capsys.readouterr().out
    assert "fixed    demo a.py:7 NN301 was false" in printed
    assert "| NN301 view-mixes-batch | error | 2 | 1 | 0 | 1 | 0 | 50% |" in printed


def test_new_and_lost_findings_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.write(PACKAGE, [judged(1, "true")], tmp_path)
    assert corpus.report([corpus.Outcome(PACKAGE, findings=[finding("b.py", 3)])], tmp_path) == 1
    printed = capsys.readouterr().out
    assert "unjudged demo b.py:3 NN301 mixes" in printed
    assert "lost     demo a.py:1 NN301 was true" in printed


def test_crashes_and_timeouts_fail_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crash = corpus.Outcome(PACKAGE, findings=[finding("a.py", 1, "NN007")])
    late = corpus.Outcome(PACKAGE, failure="took more than 300 s")
    assert corpus.report([crash], tmp_path) == 2
    assert corpus.report([late], tmp_path) == 2
    assert "took more than 300 s" in capsys.readouterr().out


def test_a_rule_that_is_wrong_too_often_is_no_error():
    told = record.records("error")
    graver = [
        f"{rule.code} {told[rule.code]}"
        for rule in load_rules()
        if rule.level is Level.ERROR
        and not record.is_trusted(rule.code, told.get(rule.code, record.Record()))
    ]
    assert graver == []


def test_the_record_is_of_the_exams():
    said = (record.PATH.parent / "unseen.md").read_text()
    rows = list(csv.DictReader(record.PATH.read_text().splitlines()))
    for exam in {row["exam"].partition(",")[0] for row in rows}:
        assert f"{exam} exam" in said
