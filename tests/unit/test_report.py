"""The report says what the tables say, holds all that it shows, and loads nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fabricated import ARMS, MODELS, Heard, deaf
from fabricated_report import TEMPLATES, AudibleStudy

from asrtransfer.report import facts, figures, findings, material, tables

ROOT = Path(__file__).parents[2]
SECTIONS = {"verdict", "claims", "phrases", "transfer", "near", "listen", "attacks", "models", "audit", "tables"}


class Page(HTMLParser):
    """Elements of a page with their attributes and the text directly in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1][2].append(data)

    def all(self, tag: str, **wanted: str) -> Iterator[tuple[dict[str, str | None], str]]:
        for name, attributes, text in self.elements:
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items()):
                yield attributes, "".join(text)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> AudibleStudy:
    return AudibleStudy(
        tmp_path_factory.mktemp("study"), utterances=3, says="</script><script>alert('pwned')</script> & <b>"
    ).write()


@pytest.fixture(scope="module")
def html(study: AudibleStudy) -> str:
    return study.report()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_every_section_figure_and_table_is_there(study: AudibleStudy, page: Page) -> None:
    assert {str(attributes["id"]) for attributes, _ in page.all("section")} == SECTIONS
    assert {str(attributes["href"])[1:] for attributes, _ in page.all("a") if attributes["href"]} >= SECTIONS
    data = json.loads(next(page.all("script", id="figure-data"))[1])
    drawn = {attributes["data-figure"] for _, attributes, _ in page.elements if "data-figure" in attributes}
    assert (
        drawn
        == set(data)
        == {
            *("who-hears-whom", "distance-to-target", "near-targets"),
            *("confidence", "attack-success", "training"),
        }
    )
    shown = {attributes["data-table"] for _, attributes, _ in page.elements if "data-table" in attributes}
    assert shown >= {*study.material().tables, "published-claims", "cw-by-phrase", "pgd-by-phrase", "heard-1"}
    assert len(list(page.all("li", **{"class": "card"}))) == len(MODELS)


def test_every_internal_link_leads_somewhere(page: Page) -> None:
    names = {attributes["id"] for _, attributes, _ in page.elements if "id" in attributes}
    links = {str(attributes["href"]) for attributes, _ in page.all("a")}
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} <= names


def test_nothing_is_loaded_from_outside(html: str, page: Page) -> None:
    for tag, attributes, _ in page.elements:
        for name in (
            "src",
            "href",
            "srcset",
            "poster",
            "data",
            "action",
            "formaction",
            "background",
            "xlink:href",
        ):
            value = attributes.get(name) or ""
            assert not value or value.startswith(("#", "data:")), f"<{tag} {name}={value[:60]}>"
        assert "@import" not in (attributes.get("style") or "")
    assert {tag for tag, _, _ in page.elements}.isdisjoint({"iframe", "object", "embed", "base"})
    style = (TEMPLATES / "style.css").read_text()
    assert "@import" not in style
    assert "url(" not in style
    script = (TEMPLATES / "page.js").read_text()
    assert not re.search(r"\bfetch\(|XMLHttpRequest|\bimport\b|https?://", script)
    policy = next(page.all("meta", **{"http-equiv": "Content-Security-Policy"}))[0]["content"] or ""
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"https?:|\*|'self'", policy)
    assert len(html.encode()) < 15e6


def test_text_is_text_wherever_it_stands(html: str, page: Page) -> None:
    """What utterances say reaches tables, labels of sounds and figures; here it tries to be markup."""
    assert "<script>alert" not in html
    assert "alert(&#39;pwned&#39;)" in html
    assert [attributes.get("type") for attributes, _ in page.all("script")] == [
        "application/json",
        None,
        None,
    ]
    said = [text for _, text in page.all("dd") if "pwned" in text]
    assert said
    assert all("</script><script>alert('pwned')</script> & <b>" in text for text in said)


def test_the_same_study_gives_the_same_bytes(study: AudibleStudy, html: str) -> None:
    assert study.report() == html


def test_no_time_and_no_place_in_the_page(study: AudibleStudy, html: str) -> None:
    assert str(study.folder) not in html
    assert str(ROOT) not in html


def test_the_report_needs_no_torch() -> None:
    """Importing it costs seconds, and half a gigabyte of memory."""
    code = "import sys; from asrtransfer.report import gallery, material, page; print('torch' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "workflow" / "scripts", capture_output=True, text=True
    )
    assert result.stdout == "False\n", result.stderr


def test_the_rule_knows_every_template() -> None:
    rule = "".join((ROOT / "workflow" / "rules" / f"{name}.smk").read_text() for name in ("report", "compare", "audit"))
    templates = [path.name for path in TEMPLATES.iterdir() if path.suffix in (".html", ".css", ".js")]
    # No rule makes a quick look.
    templates.remove("look.html")
    assert len(templates) >= 4
    assert [name for name in templates if f'"{name}"' not in rule] == []


def test_rows_beyond_the_limit_are_said_to_be_missing(study: AudibleStudy) -> None:
    html = study.report(rows=5)
    rows = len(study.material().tables["transfers"])
    assert f"The first 5 of {rows} rows" in html
    assert "tables/transfers.csv" in html


# What there is to hear


# What it says


def facts_of(study: material.Material) -> facts.Facts:
    return facts.gather(study.design, study.tables)


def told(folder: Path, **changes: object) -> facts.Facts:
    made = replace(AudibleStudy(folder, utterances=3), **changes).write()  # type: ignore[arg-type]
    return facts_of(made.material())


def test_the_verdict_without_transfer(study: AudibleStudy) -> None:
    first, second = findings.verdict(facts_of(study.material()))
    # Phrases: 3 jobs of 3 utterances and 2 samples on 2 surrogates; seed: 1 remote of one, 3 of the other.
    assert first == (
        "None of 36 adversarial samples made for a fixed phrase is heard as that phrase by another model: "
        "0 of 54 hearings by another seed, 0 of 18 hearings by the same seed one ulp apart."
    )
    assert second.startswith("The pipeline works, since their own surrogates hear 84 of 84 stored samples")
    assert "a twin with equal weights 42 of 42" in second
    assert "with 3 utterances, up to 63\u202f% of utterances could still transfer" in second
    assert second.endswith("undecided at this size.")


def test_the_verdict_with_transfer(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        hit = heard.kind == "adversarial" and heard.arm == "seed" and heard.utterance == 0
        return [heard.phrase] if hit else deaf(heard)

    first, second = findings.verdict(told(tmp_path, hears=hears))
    assert first.startswith("Some of 36 adversarial samples")
    assert "18 of 54 hearings by another seed, 0 of 18" in first
    assert "1 of 3 utterances transferred to another seed" in second


def test_a_study_without_phrases_speaks_of_its_changed_texts(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        hit = heard.kind == "adversarial" and heard.arm == "seed" and heard.utterance == 0
        return [heard.phrase] if hit else deaf(heard)

    made = AudibleStudy(tmp_path, utterances=3, jobs=[("cw", "words-1", "low")], hears=hears).write()
    first, _ = findings.verdict(facts_of(made.material()))
    assert first == (
        "Some of 12 adversarial samples made for what is said with words changed are heard as that text by another "
        "model: 6 of 18 hearings by another seed, 0 of 6 hearings by the same seed one ulp apart."
    )
    assert "Changed texts transfer most from" in findings.who_hears_whom(made.material())
    page = Page(made.report())
    assert not list(page.all("section", id="phrases"))
    assert "#phrases" not in {attributes["href"] for attributes, _ in page.all("a")}


def test_no_verdict_where_the_twin_disagrees(tmp_path: Path) -> None:
    made = AudibleStudy(tmp_path, utterances=3, weights={"seed-1.twin": "other"}).write()
    first, second = findings.verdict(facts_of(made.material()))
    assert first.startswith("There is no verdict")
    assert "weights of seed-1.twin" in second
    html = made.report()
    assert "There is no verdict" in html
    assert "None of" not in html


@pytest.mark.slow
def test_an_arm_with_the_surrogates_own_weights_is_no_other_model(tmp_path: Path) -> None:
    def hears(heard: Heard) -> list[str]:
        return [heard.phrase] if heard.kind == "adversarial" and heard.arm == "ulp" else deaf(heard)

    made = AudibleStudy(tmp_path, utterances=3, hears=hears, weights={"seed-1.ulp-1": "seed-1"}).write()
    study = made.material()
    (ulp,) = (arm for arm in facts_of(study).arms if arm.name == "ulp")
    assert (ulp.heard, ulp.own) == (facts.Count(0, 0), 18)
    assert not study.samples["transferred"].any()
    assert "ulp" not in findings.verdict(facts_of(study))[0]
    other = AudibleStudy(tmp_path / "other", utterances=3, hears=hears).write().material()
    (ulp,) = (arm for arm in facts_of(other).arms if arm.name == "ulp")
    assert (ulp.heard, ulp.own) == (facts.Count(18, 18), 0)
    assert set(other.samples.loc[other.samples["transferred"], "surrogate"]) == {"seed-1"}


@pytest.mark.slow
def test_partial_transfer_is_told_from_mere_noise(tmp_path: Path) -> None:
    def nearly(heard: Heard) -> list[str]:
        if heard.arm == "seed" and not heard.target.startswith("rank"):
            return [heard.phrase[:-2]] if heard.kind == "adversarial" else deaf(heard)
        return deaf(heard)

    def garbled(heard: Heard) -> list[str]:
        return ["open"] if heard.arm == "seed" and heard.kind != "clean" else deaf(heard)

    first = AudibleStudy(tmp_path / "nearly", utterances=3, hears=nearly).write().material()
    assert "nearer than any control" in findings.distance_to_target(first)
    second = AudibleStudy(tmp_path / "garbled", utterances=3, hears=garbled).write().material()
    assert "no nearer than the controls" in findings.distance_to_target(second)


def test_a_quantile_of_counted_distances() -> None:
    counted = pd.DataFrame({"cer": [0.0, 0.5, 1.0], "hearings": [1, 2, 1]})
    assert [material.quantile(counted, share) for share in (0.25, 0.5, 0.75, 1.0)] == [0.0, 0.5, 0.5, 1.0]
    assert np.isnan(material.quantile(counted.head(0), 0.5))


def test_the_heat_map_has_the_tables_counts(study: AudibleStudy) -> None:
    view = figures.who_hears_whom(study.material(), "").views[0]
    heat = next(trace for trace in view.data if trace["type"] == "heatmap")
    assert heat["y"] == ["seed-1", "seed-2"]
    assert heat["x"] == ["seed-1", "seed-1.twin", "seed-1.ulp-1", "seed-2"]
    assert heat["z"] == [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    assert heat["text"][0][:3] == ["18/18", "18/18", "0/18"]
    assert len(view.layout["shapes"]) == len(ARMS)


def test_distributions_end_at_all_hearings(study: AudibleStudy) -> None:
    for view in figures.distance_to_target(study.material(), "").views:
        assert all(trace["y"][0] == 0 and trace["y"][-1] == 1 for trace in view.data)
        names = " ".join(trace["name"] for trace in view.data)
        assert all(name in names for name in ("itself", "twin", "another seed", "one ulp apart", "control: clean"))


@pytest.mark.parametrize(
    ("column", "value", "shown", "stored"),
    [
        ("share", 0.2209, "22\u202f%", "0.2209"),
        ("hearings", 1414, "1\u202f414", "1414"),
        ("seed", 20260101, "20260101", "20260101"),
        ("difference", -0.031, "−3.1\u202f%", "-0.031"),
        ("median_cer_target", 0.53846, "0.54", "0.53846"),
        ("dev_cer", 0.009223, "0.92\u202f%", "0.009223"),
        ("odds_lower", 0.25, "0.25", "0.25"),
        ("utterance_bound", 0.5, "50\u202f%", "0.5"),
        ("p_value", 0.00012345, "0.00012", "0.00012345"),
        ("odds_upper", float("inf"), "∞", "inf"),
        ("bound", float("nan"), "–", ""),
        ("passed", True, "yes", "true"),
        ("weights_sha256", "a" * 64, "aaaaaaaaaa…", "a" * 64),
        ("note", "", "", ""),
    ],
)
def test_cells_show_what_is_read_and_keep_what_is_stored(column: str, value: object, shown: str, stored: str) -> None:
    cell = tables.cell(column, value)
    assert (cell.text, cell.value) == (shown, stored)


def test_published_phrases_that_were_not_attacked_stand_beside_ours(study: AudibleStudy) -> None:
    frame = tables.phrases(study.material().tables["phrases-cw"], study.design().attacks["cw"].published)
    assert frame["phrase"].iloc[0] == "open the door"
    assert frame["phrase"].iloc[-1] == "total"
    assert len(frame) == 12
    assert frame["published_samples"].iloc[-1] == frame["published_samples"].iloc[:-1].sum() == 17243
    assert (frame["note"] == "not attacked here").sum() == 10
    assert frame.loc[0, "samples"] == frame["samples"].iloc[-1] == 24
    assert frame.loc[0, "same_seed_hearings"] == 12
