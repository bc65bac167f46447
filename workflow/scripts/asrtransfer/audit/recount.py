"""Tables, counted again by a second implementation: plain SQL on the rows of the stored files."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from asrtransfer.audit.findings import Finding, Probe
from asrtransfer.audit.stored import JOB, SAMPLE, Heard, Stored

CLOSE = 1e-9


class Count(NamedTuple):
    """How a table is counted again.

    Attributes:
        keys: columns that name a row.
        sql: selects the keys, then the counts, from the tables of :func:`load`; rows without hearings may be missing.
    """

    keys: list[str]
    sql: str


UNITS = """
    count(distinct sample) as samples, count(distinct case when hit then sample end) as samples_hit,
    count(*) as hearings, sum(hit) as transfers, sum(top_ten) as top_ten,
    count(distinct utterance_id) as utterances, count(distinct case when hit then utterance_id end) as utterances_hit,
    count(distinct pair) as pairs, count(distinct case when hit then pair end) as pairs_hit,
    count(distinct surrogate) as surrogates, count(distinct case when hit then surrogate end) as surrogates_hit
"""
FEW = """
    count(*) as hearings, sum(hit) as transfers, sum(top_ten) as top_ten,
    count(distinct utterance_id) as utterances, count(distinct case when hit then utterance_id end) as utterances_hit
"""
"""Counts of hearings."""
CELLS = "(select distinct attack, confidence from once union all select 'all', 'all') as cell"
IN_CELL = "(cell.attack = 'all' or (cell.attack = heard.attack and cell.confidence = heard.confidence))"
WAYS = "(select 'primary' as counted union all select 'all') as way"
IN_WAY = "(way.counted = 'all' or heard.is_primary)"
TARGETS = "case heard.target_kind when 'phrase' then 'phrases' else heard.target end"

COUNTS: dict[str, Count] = {
    "arms": Count(
        ["arm", "target_kind", "attack", "confidence", "counted"],
        f"""select heard.arm, heard.target_kind, cell.attack, cell.confidence, way.counted, {UNITS}
        from once as heard, {CELLS}, {WAYS} where kind = 'adversarial' and {IN_CELL} and {IN_WAY}
        group by 1, 2, 3, 4, 5""",
    ),
    "transfers": Count(
        ["surrogate", "remote", "arm", "attack", "confidence", "target_kind", "counted"],
        f"""select surrogate, remote, arm, attack, confidence, target_kind, way.counted,
        count(*) as hearings, sum(hit) as transfers, sum(top_ten) as top_ten
        from heard, {WAYS} where kind = 'adversarial' and {IN_WAY} group by 1, 2, 3, 4, 5, 6, 7""",
    ),
    "controls": Count(
        ["kind", "arm", "attack", "confidence", "target_kind"],
        """select kind, arm, attack, confidence, target_kind, count(*) as hearings, sum(hit) as transfers,
        sum(top_ten) as top_ten from once where is_primary group by 1, 2, 3, 4, 5""",
    ),
    "near-targets": Count(
        ["attack", "rank", "confidence", "arm", "counted"],
        f"""select attack, cast(substr(target, 6) as integer) as rank, confidence, arm, way.counted,
        sum(is_sample) as hearings, sum(is_sample and hit) as transfers, sum(is_sample and top_ten) as top_ten,
        count(distinct case when is_sample then utterance_id end) as utterances,
        count(distinct case when is_sample and hit then utterance_id end) as utterances_hit,
        sum(kind = 'clean') as clean_hearings, sum(kind = 'clean' and hit) as clean_hits,
        sum(kind = 'clean' and top_ten) as clean_tops
        from once as heard, {WAYS} where target_kind = 'near' and {IN_WAY} group by 1, 2, 3, 4, 5""",
    ),
    "doses": Count(
        ["attack", "target", "confidence", "arm"],
        f"""select attack, {TARGETS} as target, confidence, arm, {FEW} from once as heard
        where kind = 'adversarial' and is_primary group by 1, 2, 3, 4""",
    ),
    "families": Count(
        ["surrogate_family", "remote_family", "target_kind", "attack", "confidence"],
        f"""select surrogate_family, part.remote_family, heard.target_kind, cell.attack, cell.confidence, {UNITS}
        from once as heard, {CELLS},
        (select distinct remote_family from heard union all select 'all others') as part
        where kind = 'adversarial' and is_primary and arm in ('seed', 'family') and {IN_CELL}
        and (part.remote_family = heard.remote_family
             or (part.remote_family = 'all others' and heard.remote_family != surrogate_family))
        group by 1, 2, 3, 4, 5""",
    ),
    "attack-success": Count(
        ["surrogate", "attack", "target", "confidence"],
        """select surrogate, attack, target, confidence, count(distinct utterance_id) as utterances,
        count(distinct case when status in ('sample', 'capped') then utterance_id end) as reached,
        count(distinct case when status = 'failed' then utterance_id end) as failed,
        count(distinct case when status = 'infeasible' then utterance_id end) as infeasible,
        sum(status = 'sample') as samples from attempts group by 1, 2, 3, 4""",
    ),
    "models": Count(
        ["model"],
        """select model, sum(split = 'test') as test_utterances, sum(split = 'test' and is_right) as test_right,
        sum(split = 'dev') as dev_utterances, sum(split = 'dev' and is_right) as dev_right from clean group by 1""",
    ),
}
"""By table. ``heard`` has every hearing; ``once`` lacks remotes with the weights of an earlier one in their arm."""

SHARES = (
    ("share", "transfers", "hearings"),
    ("share", "reached", "utterances"),
    ("top_ten_share", "top_ten", "hearings"),
    ("clean_share", "clean_hits", "clean_hearings"),
    ("clean_top_ten_share", "clean_tops", "clean_hearings"),
)
"""Columns: a share, and what it divides by what."""

SIDES = {
    "confidence": "attack = :attack and confidence = :side and {target}",
    "rank": "attack = :attack and confidence = :confidence and target = :side",
    "attack": "attack = :side and confidence = :confidence and target_kind = 'phrase'",
    "perturbation": "attack = :attack and confidence = :confidence and {target}",
}
"""By comparison, what a side consists of."""


def check(stored: Stored) -> Iterator[Finding]:
    """Count the tables again."""
    with closing(load(stored)) as database:
        for name in COUNTS:
            yield _check_table(stored, database, name)
        for attack in stored.design["attacks"]:
            yield _check_phrases(stored, database, attack)
        yield _check_pairs(stored, database)
    yield _check_medians(stored)


def load(stored: Stored) -> sqlite3.Connection:
    """Load the rows of the stored files into a database on disk, which is gone with the connection.

    Its tables: heard, once, attempts, clean.
    """
    database = sqlite3.connect("")
    families = {name: about["family"] for name, about in stored.design["models"].items()}
    surrogates = {
        name: "+".join(dict.fromkeys(families[member] for member in members))
        for name, members in stored.design["surrogates"].items()
    }
    repeated = stored.find_repeats()
    for heard in stored.transcripts():
        rows = _compress(heard)
        rows["surrogate_family"], rows["remote_family"] = surrogates[heard.surrogate], families[heard.remote]
        rows["is_repeated"] = (heard.surrogate, heard.remote) in repeated
        rows.to_sql("heard", database, index=False, if_exists="append")
    database.execute("create table once as select * from heard where not is_repeated")
    database.execute("create index cells on once (arm, kind, attack, confidence)")
    stored.attempts[["surrogate", "attack", "target", "target_kind", "confidence", "utterance_id", "status"]].to_sql(
        "attempts", database, index=False
    )
    clean = [rows[["split", "text", "texts"]].assign(model=model) for model, rows in stored.clean.items()]
    rows = pd.concat(clean, ignore_index=True)
    right = [len(texts) > 0 and texts[0] == text for text, texts in zip(rows["text"], rows["texts"], strict=True)]
    rows.assign(is_right=right).drop(columns=["text", "texts"]).to_sql("clean", database, index=False)
    return database


def _compress(heard: Heard) -> pd.DataFrame:
    """Every hearing of a file with what its texts say, without the texts."""
    rows = heard.rows
    named = rows[[name for name in SAMPLE if name != "surrogate"]]
    return pd.DataFrame(
        {
            "surrogate": heard.surrogate,
            "remote": heard.remote,
            "arm": heard.arm,
            "pair": str(heard),
            **{name: named[name] for name in named},
            "target_kind": rows["target_kind"],
            "kind": rows["kind"],
            "is_sample": rows["kind"] == "adversarial",
            "is_primary": rows["primary"].astype(bool),
            "sample": [" ".join([heard.surrogate, *map(str, row)]) for row in named.itertuples(index=False, name=None)],
            "hit": heard.hits,
            "top_ten": [phrase in texts for texts, phrase in zip(heard.texts, rows["phrase"], strict=True)],
        }
    )


def _check_table(stored: Stored, database: sqlite3.Connection, name: str) -> Finding:
    """Compare the counts of a table, row by row; a row that nothing was counted for has zeros."""
    keys, sql = COUNTS[name]
    probe = Probe("tables", f"{name}.csv has the counts that SQL finds, and their shares", "rows")
    counted = pd.read_sql_query(sql, database)
    table = stored.read_table(f"tables/{name}.parquet")
    # What a table has as a share alone is counted, too.
    counts = [column for column in counted if column not in keys]
    found = {tuple(map(str, row[: len(keys)])): row[len(keys) :] for row in counted.itertuples(index=False, name=None)}
    for row in table.to_dict("records"):
        values = found.pop(tuple(str(row[key]) for key in keys), [0] * len(counts))
        own = {column: int(value or 0) for column, value in zip(counts, values, strict=True)}
        wrong = [f"{key} {row[key]} for {value}" for key, value in own.items() if key in row and row[key] != value]
        wrong += _find_wrong_shares(row | own)
        probe.look(not wrong, f"{' '.join(str(row[key]) for key in keys)}: {', '.join(wrong)}")
    for missing in found:
        probe.look(False, f"{' '.join(missing)} is missing")
    return probe.finish("it has no rows")


def _find_wrong_shares(row: dict[Any, Any]) -> list[str]:
    """Shares of a row that are not their hits over their hearings."""
    found = []
    for share, hits, of in SHARES:
        if {share, hits, of} <= row.keys() and row[of]:
            own = row[hits] / row[of]
            if not math.isclose(own, row[share], abs_tol=CLOSE):
                found.append(f"{share} {row[share]:.4f} for {own:.4f}")
    return found


def _check_phrases(stored: Stored, database: sqlite3.Connection, attack: str) -> Finding:
    """The table of an attack by phrase: attempts and samples of each, and its hearings by arm; the total last."""
    probe = Probe("tables", f"phrases-{attack}.csv has the counts that SQL finds", "phrases")
    slugs = {phrase: slug for slug, phrase in stored.design["attacks"][attack]["phrases"].items()}
    for row in stored.read_table(f"tables/phrases-{attack}.parquet").to_dict("records"):
        target = slugs.get(row["phrase"])
        where = "attack = :attack and target_kind = 'phrase' and (:target is null or target = :target)"
        given = {"attack": attack, "target": target}
        sql = f"""select count(distinct surrogate || target || confidence || utterance_id),
            sum(status = 'sample') from attempts where {where}"""
        attempts, samples = (value or 0 for value in database.execute(sql, given).fetchone())
        told = (row["attempts"], row["samples"])
        probe.look(told == (attempts, samples), f"{row['phrase']}: {told}, and SQL finds {(attempts, samples)}")
        sql = f"""select arm, count(*), sum(hit), sum(top_ten) from once
            where kind = 'adversarial' and {where} group by arm"""
        for arm, *counts in database.execute(sql, given):
            told = tuple(row[f"{arm}_{name}"] for name in ("hearings", "transfers", "top_ten"))
            probe.look(told == tuple(counts), f"{row['phrase']}, {arm}: {told}, and SQL finds {tuple(counts)}")
    return probe.finish("it has no phrases")


def _check_pairs(stored: Stored, database: sqlite3.Connection) -> Finding:
    """Paired comparisons: each side joined to the other on the same surrogate, remote and utterance."""
    probe = Probe("tables", "paired.csv has the pairs that SQL finds, and McNemar's exact p by SciPy", "comparisons")
    columns = ("both", "only_first", "only_second", "neither", "utterances")
    for row in stored.read_table("tables/paired.parquet").to_dict("records"):
        own = tuple(int(value or 0) for value in database.execute(_join(row), _name_sides(row)).fetchone())
        told = tuple(int(row[column]) for column in columns)
        differ = own[1] + own[2]
        p_value = binomtest(own[1], differ, 0.5).pvalue if differ else 1.0
        fits = own == told and math.isclose(p_value, row["p_value"], abs_tol=CLOSE)
        named = " ".join(
            str(row[key]) for key in ("comparison", "first", "second", "outcome", "arm", "attack", "target")
        )
        probe.look(fits, f"{named}: {told}, p {row['p_value']:.3g}; SQL finds {own}, p {p_value:.3g}")
    return probe.finish("it has no rows")


def _join(row: dict[Any, Any]) -> str:
    """The SQL of a comparison."""
    outcome = {"transfer": "hit", "top ten": "top_ten"}[row["outcome"]]
    target = "target_kind = 'phrase'" if row["target"] == "phrases" else "target = :target"
    side = SIDES[row["comparison"]].format(target=target)
    kinds = [":first", ":second"] if row["comparison"] == "perturbation" else ["'adversarial'"] * 2
    one, other = (
        f"""(select surrogate, remote, utterance_id, target, {outcome} as is_hit from once
        where is_primary and arm = :arm and kind = {kind} and {side.replace(":side", f":{name}")})"""
        for name, kind in zip(("first", "second"), kinds, strict=True)
    )
    keys = "surrogate, remote, utterance_id" + ("" if row["comparison"] == "rank" else ", target")
    return f"""select sum(a.is_hit and b.is_hit), sum(a.is_hit and not b.is_hit), sum(b.is_hit and not a.is_hit),
        sum(not a.is_hit and not b.is_hit), count(distinct utterance_id)
        from {one} as a join {other} as b using ({keys})"""


def _name_sides(row: dict[Any, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("attack", "confidence", "target", "first", "second", "arm")}


def _check_medians(stored: Stored) -> Finding:
    """Medians of an attack job, over its primary samples."""
    probe = Probe("tables", "attack-success.csv has the medians of the stored samples", "medians")
    names = ("iteration", "linf", "l2", "snr_db", "k1")
    rows = stored.attempts[(stored.attempts["status"] == "sample") & stored.attempts["primary"].astype(bool)]
    jobs = rows.groupby(JOB)
    for row in stored.read_table("tables/attack-success.parquet").to_dict("records"):
        job = tuple(row[key] for key in JOB)
        if job not in jobs.groups:
            continue
        part = jobs.get_group(job)
        for name in names:
            values = sorted(part[name].dropna())
            middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2 if values else math.nan
            same = np.allclose(float(row[f"median_{name}"]), float(middle), equal_nan=True)
            probe.look(bool(same), f"{'/'.join(job)}: median {name} {row[f'median_{name}']} for {middle}")
    return probe.finish("no attack has left a sample")
