"""From evidence and findings to the status of a bullet."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set

from nnlint.finding import Finding, Stage
from nnlint.recipe.bullets import DATASET, REINFORCED, TRAINS
from nnlint.recipe.model import Bullet, Evidence, Status, Verdict

_STAGES = tuple(Stage)


def decide(
    bullet: Bullet,
    evidence: Sequence[Evidence],
    findings: Sequence[Finding],
    facts: Set[str],
    stage: Stage | None,
) -> Verdict:
    """Where a project stands with a bullet.

    Parameters:
        evidence: what the bullet's detector has found.
        findings: those of all rules.
        facts: what holds for the project; see `nnlint.recipe.facts`.
    """
    against = _of_rules(bullet.contradicting, findings, Status.CONTRADICTED)
    against = [*against, *(e for e in evidence if e.status is Status.CONTRADICTED)]
    if bullet.until and (stage is None or _STAGES.index(stage) > _STAGES.index(bullet.until)):
        against = []
    lacking = _of_rules(bullet.lacking, findings, Status.MISSING)
    lacking = [*lacking, *(e for e in evidence if e.status is Status.MISSING)]
    done = [e for e in evidence if e.status is Status.DONE]
    speaking = {*bullet.contradicting, *bullet.lacking, *bullet.revealing}
    told = tuple(f for f in findings if f.code in speaking)
    # what running it could not tell is shown beside the rest, and decides nothing
    beside = tuple(e for e in evidence if e.status is Status.CANT_TELL)

    def verdict(status: Status, reason: str, *kept: Evidence) -> Verdict:
        return Verdict(bullet, status, reason, (*kept, *beside), told)

    if against:
        return verdict(Status.CONTRADICTED, against[0].text, *against, *done)
    # a seed that is fixed in part of a program is not fixed
    taken_back = {e.filename for e in lacking if e.rule in bullet.partial or not e.rule}
    whole = [e for e in done if e.filename not in taken_back]
    if whole and not lacking and not facts.isdisjoint(bullet.unless):
        return verdict(Status.CANT_TELL, bullet.unseen)
    if whole:
        return verdict(Status.DONE, whole[0].text, *whole, *lacking)
    if done and lacking:
        return verdict(Status.MISSING, lacking[0].text, *lacking, *done)
    if DATASET in bullet.needs and REINFORCED in facts and DATASET not in facts:
        return verdict(Status.NOT_APPLICABLE, "it learns by acting, from no data set")
    if bullet.needs and not lacking and facts.isdisjoint((TRAINS, *bullet.needs)):
        return verdict(Status.CANT_TELL, "no program that trains a model is seen here")
    if stage is not None and _STAGES.index(stage) < _STAGES.index(bullet.due):
        return verdict(Status.NOT_YET, f"it belongs to the stage `{bullet.due.value}`")
    if lacking:
        return verdict(Status.MISSING, lacking[0].text, *lacking)
    if not bullet.missing:
        return verdict(Status.CANT_TELL, bullet.unseen)
    return verdict(
        Status.MISSING,
        bullet.missing,
        *_of_rules(bullet.revealing, findings, Status.MISSING),
    )


def _of_rules(
    codes: Collection[str], findings: Sequence[Finding], status: Status
) -> list[Evidence]:
    """The findings of some rules, as evidence."""
    return [
        Evidence(f.filename, f.start.row, "", f.message, status, f.cell, f.code)
        for f in findings
        if f.code in codes
    ]
