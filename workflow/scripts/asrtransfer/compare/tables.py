"""Tables with a column a study: configurations, results and claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from asrtransfer.compare.differences import list_differences
from asrtransfer.compare.studies import Studies, Study
from asrtransfer.report.facts import Arm, Facts, Units
from asrtransfer.report.findings import write
from asrtransfer.report.judged import VERDICTS
from asrtransfer.report.rows import OTHERS
from asrtransfer.report.tables import MISSING, SHORT, Cell, Column, Table, cell
from asrtransfer.report.words import ARMS, many, write_limits
from asrtransfer.report.words import unbroken_percent as percent


def lay_out_differences(studies: Studies) -> tuple[Table, str]:
    """Lay out the keys that differ, a column a study; and say how many do."""
    differing, alike = list_differences(studies)
    rows = [[cell("key", key), *map(show, values)] for key, values in differing.items()]
    conclusion = f"{many(len(differing), 'key')} differ{'s' if len(differing) == 1 else ''}; {alike} are alike."
    return make_table("configuration", "What differs in the configurations", ["key", *studies], rows), conclusion


def lay_out_results(studies: Studies) -> Table:
    """Lay out the numbers behind each verdict, a column a study."""
    columns = [dict(_list_results(study)) for study in studies.values()]
    labels = dict.fromkeys(label for column in columns for label in column)
    rows = [[cell("result", label), *(show(column.get(label)) for column in columns)] for label in labels]
    return make_table("results", "The numbers behind the verdicts", ["result", *studies], rows)


def lay_out_claims(studies: Studies) -> tuple[Table, str]:
    """Lay out every claim with the verdict and the figure of each study; and say where verdicts differ."""
    found = {
        name: {str(row["claim"]): row for row in study.tables["claims"].to_dict("records")}
        for name, study in studies.items()
    }
    claims = {claim: str(row["statement"]) for rows in found.values() for claim, row in rows.items()}
    rows, differing, shared = [], [], 0
    for claim, statement in claims.items():
        judged = [known.get(claim) for known in found.values()]
        line = [cell("statement", statement)]
        for row in judged:
            line += [Cell(MISSING, "", "missing")] * 2 if row is None else [_badge(row), cell("ours", row["ours"])]
        rows.append(line)
        shared += all(judged)
        if len({str(row["verdict"]) for row in judged if row}) > 1:
            differing.append(statement)
    names = ["statement", *(f"{what}, {name}" for name in studies for what in ("verdict", "figure"))]
    table = make_table("claims", "Claims", names, rows)
    return table, _conclude_claims(len(claims), shared, differing)


def _badge(row: Mapping[object, object]) -> Cell:
    return cell("verdict", row["verdict"])


def _conclude_claims(count: int, shared: int, differing: Sequence[str]) -> str:
    start = f"{many(count, 'claim')}, of which every study judges {shared}. "
    if not differing:
        return f"{start}Studies that judge the same claim agree on it."
    return f"{start}Verdicts differ on {len(differing)}: {'; '.join(differing)}."


def _list_results(study: Study) -> Iterator[tuple[str, str]]:
    facts = study.facts
    made = ", ".join(f"{study.label(attack)} {count}" for attack, count in facts.samples.items())
    yield "samples", made
    yield "utterances attacked", str(facts.utterances)
    yield "surrogates", str(facts.surrogates)
    yield "models", str(facts.models.count)
    yield "test WER", f"{percent(facts.models.lowest)} to {percent(facts.models.highest)}"
    yield "attempts that reached their target", write(facts.reached)
    yield "samples heard as meant by their own surrogate", write(facts.survival)
    if facts.has_twin:
        yield "samples that a twin hears as its surrogate does", write(facts.twin)
    yield from _list_arms(facts)
    for kind, claims in (("published", facts.published), ("other", facts.other)):
        if claims.count:
            found = [f"{len(claims.by_verdict[word])} {word}" for word in VERDICTS if word in claims.by_verdict]
            yield f"{kind} claims", ", ".join(found)


def _list_arms(facts: Facts) -> Iterator[tuple[str, str]]:
    for name in OTHERS:
        arm = facts.arm(name)
        if arm is not None:
            yield f"transfers, {ARMS[name]}", write_arm(arm)


def write_arm(arm: Arm) -> str:
    """Write the transfers to an arm, and the utterances and model pairs with one."""
    units = [(arm.utterances, "utterance"), (arm.pairs, "model pair")]
    parts = [write_units(found, noun) for found, noun in units if found is not None]
    return "; ".join([f"{write(arm.heard)} hearings", *parts])


def write_units(units: Units, noun: str) -> str:
    """Write independent units with a transfer, and the share of units that they allow."""
    limits = write_limits(units.count.hits, units.lower, units.upper, units.bound, percent)
    return f"{units.count.hits} of {many(units.count.total, noun)} ({limits})"


def show(value: str | None) -> Cell:
    """Make a cell of a text, or of nothing."""
    return Cell(MISSING, "", "missing") if value is None else Cell(value, value)


def make_table(name: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    """Make a table of texts."""
    described = tuple(
        Column(label, label, "", False, _choose_look(label, [row[place] for row in rows]))
        for place, label in enumerate(columns)
    )
    return Table(name, title, described, tuple(map(tuple, rows)), len(rows))


def lay_out_texts(
    name: str, title: str, keys: Sequence[str], found: Mapping[str, Mapping[tuple[str, ...], str]]
) -> Table:
    """Lay out texts, a row a key and a column a study; what a study lacks is a dash.

    Args:
        name: of the table.
        title: of the table.
        keys: labels of a key's parts.
        found: by study, the texts by key.
    """
    rows = [
        [*(cell("key", part) for part in key), *(show(texts.get(key)) for texts in found.values())]
        for key in dict.fromkeys(key for texts in found.values() for key in texts)
    ]
    return make_table(name, title, [*keys, *found], rows)


def _choose_look(label: str, cells: Sequence[Cell]) -> str:
    """Choose the class of a column: ``prose`` for long cells, ``long`` for a name that may break anywhere."""
    looks = {"prose": any(len(one.text) > SHORT for one in cells), "long": len(label) > SHORT}
    return " ".join(look for look, applies in looks.items() if applies)
