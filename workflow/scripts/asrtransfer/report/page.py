"""The page of a study: its results as one self-contained file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from asrtransfer.report import audit_page, figures, findings, kinship, tables, words
from asrtransfer.report.facts import Facts, gather
from asrtransfer.report.frame import render_page
from asrtransfer.report.gallery import Exhibit, Gallery
from asrtransfer.report.material import Material
from asrtransfer.report.tables import Table
from asrtransfer.tables import PHRASES


@dataclass(frozen=True)
class Card:
    """One model: name, arm, a few facts by label, and the whole card as text."""

    model: str
    arm: str
    facts: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Section:
    """A table of the page with its heading and conclusion."""

    heading: str
    table: Table
    conclusion: str


def render(
    material: Material, gallery: Gallery, audit: pd.DataFrame, templates: Path, order: Sequence[str], *, rows: int
) -> str:
    """Write the page.

    Args:
        material: the study.
        gallery: samples to hear.
        audit: what the audit has found, a row a check.
        templates: folder with ``page.html``, ``style.css`` and ``page.js``.
        order: names of the tables, as they are shown.
        rows: largest number of rows that a table shows.

    Returns:
        HTML that loads nothing, from the network or from disk; the same for the same study.
    """
    facts = gather(material.design, material.tables)
    shown = _draw_figures(material, facts)
    drawn = {figure.name for figure in shown}
    phrases = [_lay_out_phrases(material, attack) for attack in _list_attacks_of_phrases(material)]
    return render_page(
        templates,
        "page.html",
        shown,
        title="Do adversarial samples transfer between speech recognisers?",
        sections=[
            ("verdict", "Verdict"),
            ("claims", "Claims"),
            *([("phrases", "By phrase")] if phrases else []),
            ("transfer", "Transfer"),
            *([("families", "Families")] if "families" in drawn else []),
            *([("ladder", "Ladder")] if "ladder" in drawn else []),
            *([("near", "Near targets")] if "near-targets" in drawn else []),
            *([("dose", "Dose")] if "dose" in drawn else []),
            ("listen", "Listen"),
            ("attacks", "Attacks"),
            ("models", "Models"),
            ("audit", "Audit"),
            ("tables", "All tables"),
        ],
        verdict=findings.verdict(facts),
        broken=facts.broken,
        tiles=findings.tiles(facts),
        claims=_lay_out_claims(material, facts),
        phrases=phrases,
        figures={figure.name: figure for figure in shown},
        controls_conclusion=findings.controls(facts, material.tables["controls"]),
        gallery=gallery,
        exhibits=[
            (exhibit, _lay_out_hearings(material, exhibit, number), _find_transfers(material, exhibit))
            for number, exhibit in enumerate(gallery.exhibits, 1)
        ],
        cards=[_summarise_card(material, one) for one in material.models if not material.design.models[one].channel],
        audit=audit_page.lay_out(audit),
        tables=tables.everything(material.design, material.tables, order, rows),
        labels={name: attack.label for name, attack in material.design.attacks.items()},
    )


def _draw_figures(material: Material, facts: Facts) -> list[figures.Figure]:
    made = [
        figures.who_hears_whom(material, findings.who_hears_whom(material)),
        figures.distance_to_target(material, findings.distance_to_target(material)),
        figures.families(material, kinship.across(material)),
        figures.reach(material, kinship.beyond_controls(material)),
        figures.ladder(material, findings.ladder(material)),
        figures.near_targets(material, findings.near_targets(facts)),
        figures.dose(material, findings.dose(material)),
        figures.confidence_and_distortion(material, findings.confidence(material)),
        figures.attack_success(material, findings.attack_success(material)),
        figures.training(material, findings.training(facts)),
    ]
    return [figure for figure in made if figure is not None and figure.views]


def _lay_out_claims(material: Material, facts: Facts) -> list[Section]:
    """Lay out claims with a published figure, then those without; kinds without claims are left out."""
    frame = material.tables["claims"]
    known = tables.meanings(material.tables, "claims")
    sections = []
    for heading, name, claims, noun in (
        ("Published claims", "published-claims", facts.published, "published claim"),
        ("Other claims", "other-claims", facts.other, "other claim"),
    ):
        if claims.count:
            rows = frame[(frame["published"] != "") == (claims is facts.published)]
            columns = [column for column in tables.CLAIM_COLUMNS if claims is facts.published or column != "published"]
            table = tables.table(name, heading, rows[columns], known)
            sections.append(Section(heading, table, findings.claims(claims, noun)))
    return sections


def _list_attacks_of_phrases(material: Material) -> list[str]:
    """List the attacks that have tried a phrase."""
    tables = material.tables
    return [attack for attack in material.design.attacks if tables[PHRASES.format(attack)]["attempts"].iloc[-1]]


def _lay_out_phrases(material: Material, attack: str) -> Section:
    described, name = material.design.attacks[attack], PHRASES.format(attack)
    frame = tables.phrases(material.tables[name], described.published)
    known, heading = tables.meanings(material.tables, name), tables.title_phrases(described)
    table = tables.table(f"{attack}-by-phrase", heading, frame, known, labels=tables.PHRASE_LABELS)
    return Section(heading, table, findings.phrases(material.tables, attack, described.published))


def _lay_out_hearings(material: Material, exhibit: Exhibit, number: int) -> Table:
    """Lay out what every model hears, the surrogate's members first."""
    heard, members = exhibit.heard, material.design.surrogates[str(exhibit.row["surrogate"])]
    frame = heard.assign(arm=heard["arm"].map(words.ARMS), rank=heard["rank"].astype("Int64"))
    if frame["raw"].isna().all():
        frame = frame.drop(columns="raw")
    places = {name: (name not in members, place) for place, name in enumerate(material.models)}
    frame = frame.loc[heard["model"].map(places).sort_values(kind="stable").index]
    return tables.table(f"heard-{number}", "What every model hears", frame, {}, labels=tables.HEARD_LABELS)


def _find_transfers(material: Material, exhibit: Exhibit) -> list[str]:
    """Find the models that hear the target and do not have the surrogate's own weights."""
    surrogate = str(exhibit.row["surrogate"])
    hits = exhibit.heard.loc[exhibit.heard["hit"], "model"]
    return [model for model in hits if not material.reads_own_weights(surrogate, model)]


def _summarise_card(material: Material, model: str) -> Card:
    card, known = material.cards[model], material.design.models[model]
    models = material.tables["models"]
    row = models[models["model"] == model].iloc[0]
    rates = {
        "test WER": "test_wer",
        "test CER": "test_cer",
        "test WER, greedy": "test_wer_greedy",
        "test WER, language model": "test_wer_language_model",
    }
    facts = {
        label: words.unbroken_percent(float(row[name]))
        for label, name in rates.items()
        if name in row and pd.notna(row[name])
    }
    facts |= {"right": f"{row['test_right']} of {row['test_utterances']}", "family": known.family}
    if pd.notna(row["test_median_k1"]):
        facts["K1 where right"] = f"{row['test_median_k1']:.3f}"
    facts |= {"weights": str(card["weights_sha256"])[:10]}
    facts |= _summarise_training(card) if known.seed is not None else {"runs on": str(card["device"])}
    if pd.notna(row["same_weights_as_base"]):
        facts["weights as base"] = "equal" if row["same_weights_as_base"] else "different"
    if row["unintended"]:
        facts["UNINTENDED"] = str(row["unintended"])
    return Card(model, known.arm, facts, json.dumps(card, indent=2))


def _summarise_training(card: Mapping[str, Any]) -> dict[str, str]:
    return {
        "seed": str(card["seed"]),
        "start": str(card["initial_weights_sha256"])[:10],
        "trained on": f"{card['train_minutes']:g} min, {card['device']}",
        "took": f"{card['seconds']:g} s",
    }
