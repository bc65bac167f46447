"""The page: a study's results, templates and one JavaScript library become one self-contained file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import plotly.offline
from markupsafe import Markup

from asrtransfer.report import figures, findings, tables, words
from asrtransfer.report.gallery import Exhibit, Gallery
from asrtransfer.report.material import Material
from asrtransfer.report.tables import Table
from asrtransfer.statistics.published import TABLES


@dataclass(frozen=True)
class Settings:
    """How the page is made: confidence level of the study's bounds, largest number of rows a table shows."""

    level: float
    rows: int


@dataclass(frozen=True)
class Card:
    """One model: name, arm, a few facts by label, and the whole card as text."""

    model: str
    arm: str
    facts: Mapping[str, str]
    text: str


def render(material: Material, gallery: Gallery, settings: Settings, templates: Path, order: Sequence[str]) -> str:
    """Write the page.

    Args:
        material: the study.
        gallery: what there is to hear.
        settings: of the page.
        templates: folder with ``page.html``, ``style.css`` and ``page.js``.
        order: names of the tables, as they are shown.

    Returns:
        HTML that loads nothing, from the network or from disk; the same for the same study.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"grouped": words.grouped, "percent": words.percent}
    shown = _figures(material)
    return environment.get_template("page.html").render(
        verdict=findings.verdict(material.tables, settings.level),
        broken=findings.broken(material.tables),
        tiles=findings.tiles(material.tables, settings.level),
        claims=_claims(material),
        claims_conclusion=findings.claims(material.tables),
        phrases=[_phrases(material, attack) for attack in TABLES if attack in material.tables],
        figures={figure.name: figure for figure in shown},
        figure_data=_as_script({figure.name: [view.__dict__ for view in figure.views] for figure in shown}),
        controls_conclusion=findings.controls(material.tables),
        gallery=gallery,
        exhibits=[
            (exhibit, _heard(exhibit, number), _reached(material, exhibit))
            for number, exhibit in enumerate(gallery.exhibits, 1)
        ],
        cards=[_card(material, model) for model in sorted(material.cards, key=words.model_order)],
        tables=tables.everything(material.tables, order, settings.rows),
        words=words,
        style=Markup((templates / "style.css").read_text()),
        script=Markup((templates / "page.js").read_text()),
        plotly=Markup(plotly.offline.get_plotlyjs()),
    )


def _figures(material: Material) -> list[figures.Figure]:
    made = [
        figures.who_hears_whom(material, findings.who_hears_whom(material)),
        figures.distance_to_target(material, findings.distance_to_target(material)),
        figures.near_targets(material, findings.near_targets(material.tables)),
        figures.confidence_and_distortion(material, findings.confidence(material)),
        figures.attack_success(material, findings.attack_success(material.tables)),
        figures.training(material, findings.training(material)),
    ]
    return [figure for figure in made if figure is not None and figure.views]


def _as_script(value: Any) -> Markup:
    """JSON that cannot end the script element that holds it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def _claims(material: Material) -> Table:
    frame = material.tables["claims"]
    chosen = frame[[name for name in tables.CLAIM_COLUMNS if name in frame]]
    return tables.table("published-claims", "Published claims", chosen, tables.meanings(material.tables, "claims"))


def _phrases(material: Material, attack: str) -> tuple[str, Table, str]:
    """Heading, table and conclusion of one attack."""
    frame = tables.phrases(material.tables[attack], attack)
    known = tables.meanings(material.tables, attack)
    heading = f"{words.ATTACKS[attack]}, beside the published {TABLES[attack].name}"
    table = tables.table(f"{attack}-by-phrase", heading, frame, known, labels=tables.PHRASE_LABELS)
    return heading, table, findings.phrases(material.tables, attack)


def _heard(exhibit: Exhibit, number: int) -> Table:
    frame = exhibit.heard.assign(arm=exhibit.heard["arm"].map(words.ARMS), rank=exhibit.heard["rank"].astype("Int64"))
    order = exhibit.heard["model"].map(lambda name: (exhibit.row["surrogate"] != name, *words.model_order(name)))
    frame = frame.loc[order.sort_values(kind="stable").index]
    return tables.table(f"heard-{number}", "What every model hears", frame, {}, labels=tables.HEARD_LABELS)


def _reached(material: Material, exhibit: Exhibit) -> list[str]:
    """Models with other weights than the surrogate's that hear the target."""
    own = material.cards[str(exhibit.row["surrogate"])]["weights_sha256"]
    hits = exhibit.heard.loc[exhibit.heard["hit"], "model"]
    return [model for model in hits if material.cards[model]["weights_sha256"] != own]


def _card(material: Material, model: str) -> Card:
    card = material.cards[model]
    models = material.tables["models"]
    rates = models[models["model"] == model].iloc[0]
    facts = {
        "test WER": words.percent(float(rates["test_wer"])),
        "test CER": words.percent(float(rates["test_cer"])),
        "test WER, greedy": words.percent(float(rates["test_wer_greedy"])),
        "right": f"{rates['test_right']} of {rates['test_utterances']}",
        "seed": str(card["seed"]),
        "weights": str(card["weights_sha256"])[:10],
        "start": str(card["initial_weights_sha256"])[:10],
        "trained on": f"{card['train_minutes']:g} min, {card['device']}",
        "took": f"{card['seconds']:g} s",
    }
    if "test_wer_language_model" in rates:
        facts["test WER, language model"] = words.percent(float(rates["test_wer_language_model"]))
    if pd.notna(rates["same_weights_as_base"]):
        facts["weights as base"] = "equal" if rates["same_weights_as_base"] else "different"
    if rates["unintended"]:
        facts["UNINTENDED"] = str(rates["unintended"])
    return Card(model, words.model_arm(model), facts, json.dumps(card, indent=2))
