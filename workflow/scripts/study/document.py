"""Documents that are made from code: the configuration's JSON schema and tables of keys, and the table of rules.

``PYTHONPATH=workflow/scripts python -m study.document`` writes them into the repository; a test fails where
they differ from what it would write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import create_model

from asrtransfer import extension
from asrtransfer.attacks.section import AttackSection
from asrtransfer.section import Section
from study.config import Study
from study.config.errors import FORMS

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "workflow/schemas/config.schema.json"
README = ROOT / "config/README.md"
RULES = ROOT / "docs/rules.md"
BEGIN = "<!-- The rest of this file is written by: PYTHONPATH=workflow/scripts python -m study.document -->"
_RULE = re.compile(r'^(?:rule|checkpoint) (\w+):\n    """(.+?)"""\n(.*?)(?=^\S|\Z)', re.MULTILINE | re.DOTALL)
_OUTPUT = re.compile(r"^    output:\n(.*?)^    \w", re.MULTILINE | re.DOTALL)
RULES_HEAD = """# Rules

<!-- This file is written by: PYTHONPATH=workflow/scripts python -m study.document -->

`make study` asks for the verdict and the report, and Snakemake runs the rules that lead to them. Any other rule that is
a single job is a target of its own, such as `make study ARGS=plan`. Paths start at the results folder; braces hold
wildcards.

| rule | what it does | writes | file |
|---|---|---|---|
"""


class Rerun(NamedTuple):
    """What a change of a key reruns: the rules that run ``first``, and all of it in words."""

    first: tuple[str, ...]
    words: str


RERUNS = {
    "results": Rerun(("corpus",), "everything, into the other folder"),
    "corpus": Rerun(("corpus",), "everything"),
    "models": Rerun(("train",), "the new model's training and hearing; selection; its attacks if it is a surrogate"),
    "surrogates": Rerun(("attack",), "the new surrogate's attacks and their hearing; tables"),
    "channels": Rerun(("hear",), "hearing through the channel; tables"),
    "remotes": Rerun(("transcribe",), "the new remote's hearing of the samples; tables"),
    "family": Rerun(("train",), "training and after"),
    "families.*.tuning": Rerun(("train",), "training of the arms `tuned-E` and after"),
    "families.*": Rerun(("train",), "training and after"),
    "families.*.parts": Rerun(("train",), "training of the arms `data-P` and after"),
    "families.*.use": Rerun(("train",), "as the other keys of the family"),
    "decoder": Rerun(("hear",), "hearing, of clean speech and of samples; selection; tables"),
    "decoder.alpha": Rerun((), "with a language model, as the other decoder keys"),
    "decoder.beta": Rerun((), "with a language model, as the other decoder keys"),
    "decoder.certify": Rerun(("transcribe",), "hearing of samples; tables, which stay the same"),
    "scoring": Rerun(("tune",), "the tuning and scoring with the language model; tables"),
    "scoring.mirror": Rerun(("language",), "the download; tuning; scoring; tables"),
    "selection": Rerun(("select",), "selection"),
    "design": Rerun(("attack",), "attacks whose utterances are others, and after"),
    "attacks.*": Rerun(("attack",), "this attack and after"),
    "attacks.*.use": Rerun(("attack",), "this attack and after"),
    "attacks.*.phrases": Rerun(("attack",), "the new phrase's attacks, hearing, tables"),
    "attacks.*.ranks": Rerun(("attack",), "the new rank's attacks, hearing, tables"),
    "attacks.*.words": Rerun(("attack",), "the new target's attacks, hearing, tables"),
    "attacks.*.confidences": Rerun(("attack",), "the new confidence's attacks, hearing, tables"),
    "attacks.*.judge": Rerun(("attack", "transcribe"), "this attack, what a judge hears of other attacks, and after"),
    "attacks.*.threshold": Rerun(("attack",), "this attack's jobs that it decides, and after"),
    "statistics": Rerun(("tables",), "tables and after"),
    "neighbours": Rerun(("neighbours",), "the transfer curve"),
    "compare": Rerun((), "nothing; a comparison of other folders"),
    "device": Rerun(("train",), "training and after"),
    "time_limit": Rerun((), "nothing"),
    "threads": Rerun(("train",), "training and after"),
}
"""By key; a key that is not listed has what the section around it has. ``*`` stands for any attack or family."""


class Key(NamedTuple):
    """One key: dotted name, meaning, unit, allowed values and default in words."""

    name: str
    meaning: str
    unit: str
    values: str
    default: str


def rerun(name: str) -> Rerun:
    """What a change of a key reruns."""
    parts = name.split(".")
    if parts[0] in ("attacks", "families") and len(parts) > 1:
        parts[1] = "*"
    while ".".join(parts) not in RERUNS:
        parts.pop()
    return RERUNS[".".join(parts)]


def schema() -> dict[str, Any]:
    """JSON schema of a whole configuration, with the attacks and families of this project."""
    known = {
        "attacks": _known("Attacks", "attack", "The attacks of the study; one that is left out, or null, is not run."),
        "families": _known("Families", "recogniser", "Families of recognisers: trained ones, and loaded ones."),
    }
    fields: dict[str, Any] = {name: (model, ...) for name, model in known.items()}
    whole = create_model("Study", __base__=Study, __doc__=Study.__doc__, **fields).model_json_schema()
    for model in known.values():
        # A section of any other name is one of the user's.
        whole["$defs"][model.__name__]["additionalProperties"] = True
    whole["required"] = [name for name, field in Study.model_fields.items() if field.is_required()]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}


def _known(name: str, kind: extension.Kind, meaning: str) -> type[Section]:
    """A section with a key for each of this project's attacks or families."""
    sections = {one: extension.find(kind, one).class_.section for one in extension.names(kind)}
    fields: dict[str, Any] = {one: (section | None, None) for one, section in sections.items()}
    model: type[Section] = create_model(name, __base__=Section, __doc__=meaning, **fields)
    return model


def keys() -> list[Key]:
    """Every key, in the order of the configuration; what all attacks have alike stands once, as of ``*``."""
    whole = schema()
    every = list(_keys(whole, whole, ""))
    attacks = extension.names("attack")
    listed: list[Key] = []
    for key in every:
        first, _, rest = key.name.partition(".")
        _, _, name = rest.partition(".")
        same = key._replace(name=f"attacks.*.{name}")
        alike = all(same._replace(name=f"attacks.{attack}.{name}") in every for attack in attacks)
        listed.append(same if first == "attacks" and alike else key)
    return list(dict.fromkeys(listed))


def _keys(whole: dict[str, Any], section: dict[str, Any], prefix: str) -> Iterator[Key]:
    for name, field in section["properties"].items():
        options = [_resolved(whole, option) for option in field.get("anyOf", [field])]
        kinds = [option for option in options if option.get("type") != "null"]
        inner = _find_section(whole, kinds[0])
        if inner is not None:
            yield from _keys(whole, inner, f"{prefix}{name}." if inner is kinds[0] else f"{prefix}{name}.*.")
            continue
        values = _values(whole, kinds[0]) + (", or null" if len(kinds) < len(options) else "")
        if name in section.get("required", []):
            default = "none: it must be given"
        else:
            default = f"`{json.dumps(field['default'])}`"
        meaning = field.get("description", "")
        yield Key(prefix + name, meaning, field.get("unit", ""), values, default)


def _find_section(whole: dict[str, Any], kind: dict[str, Any]) -> dict[str, Any] | None:
    """Find the section that a kind of value is, or that each of its names has; None where there is none."""
    if "properties" in kind:
        return kind
    named = [_resolved(whole, one) for one in kind.get("patternProperties", {}).values()]
    return next((one for one in named if "properties" in one), None)


def _resolved(whole: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    """The field with what it refers to."""
    if "$ref" not in field:
        return field
    name = field["$ref"].rpartition("/")[2]
    return {**whole["$defs"][name], **field}


def _values(whole: dict[str, Any], field: dict[str, Any]) -> str:
    if "anyOf" in field:
        # The words of the first kind name the others.
        return _values(whole, _resolved(whole, field["anyOf"][0]))
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    match field["type"]:
        case "boolean":
            return "`true`, `false`"
        case "array":
            least = " (at least one)" if field.get("minItems") else ""
            return f"list{least} of: {_values(whole, _resolved(whole, field['items']))}"
        case "object":
            return "names, each with keys and their values"
        case "string":
            return FORMS.get(field.get("pattern", ""), "text")
        case kind:
            return f"{'whole number' if kind == 'integer' else 'number'} {_range(field)}"


def _range(field: dict[str, Any]) -> str:
    limits = (
        ("minimum", "from"),
        ("exclusiveMinimum", "above"),
        ("maximum", "to"),
        ("exclusiveMaximum", "below"),
    )
    found = [(word, field[limit]) for limit, word in limits if limit in field]
    return " ".join(f"{word} {int(number) if number == int(number) else number}" for word, number in found)


def tables() -> str:
    """All keys as Markdown, a table a section."""
    whole = schema()
    sections: dict[str, list[Key]] = {}
    for key in keys():
        section = key.name.rpartition(".")[0]
        sections.setdefault(section, []).append(key)
    blocks = []
    for section, members in sections.items():
        blocks.append(f"## {f'`{section}`' if section else 'Top level'}\n")
        blocks.append(_purpose(whole, section) + "\n")
        blocks.append("| key | meaning | allowed | default | runs again |\n|---|---|---|---|---|")
        blocks += [_row(key) for key in members]
        blocks.append("")
    return "\n".join(blocks)


def _purpose(whole: dict[str, Any], section: str) -> str:
    """What a section is for: its class's description."""
    if section == "attacks.*":
        return str(AttackSection.__doc__)
    found = whole
    # What all attacks have alike is described where the first has it.
    for name in section.replace("attacks.*", f"attacks.{extension.names('attack')[0]}").split(".") if section else []:
        if name == "*":
            return str(found["description"])
        field = found["properties"][name]
        kinds = [_resolved(whole, option) for option in field.get("anyOf", [field])]
        found = next(inner for kind in kinds if (inner := _find_section(whole, kind)) is not None)
    return str(found["description"])


def _row(key: Key) -> str:
    meaning = f"{key.meaning} ({key.unit})" if key.unit else key.meaning
    cells = (
        f"`{key.name.rpartition('.')[2]}`",
        meaning,
        key.values,
        key.default,
        rerun(key.name).words,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def schema_text() -> str:
    """What the schema's file holds."""
    return json.dumps(schema(), indent=2) + "\n"


def readme_text() -> str:
    """What ``config/README.md`` holds: what people wrote, then the table."""
    written = README.read_text().partition(BEGIN)[0]
    return f"{written}{BEGIN}\n\n{tables()}"


def rules_text() -> str:
    """Make the content of ``docs/rules.md``: every rule by file, its docstring, and the files that it writes."""
    rows = []
    for name in re.findall(r'^include: RULES / "(.+)"$', (ROOT / "workflow/Snakefile").read_text(), re.MULTILINE):
        for rule, meaning, body in _RULE.findall((ROOT / "workflow/rules" / name).read_text()):
            output = _OUTPUT.search(body)
            written = re.findall(r'"<results>/(.+?)"', output[1]) if output else []
            files = "<br>".join(f"`{file}`" for file in written) or "nothing"
            rows.append(f"| `{rule}` | {' '.join(meaning.split())} | {files} | [{name}](../workflow/rules/{name}) |")
    return RULES_HEAD + "\n".join(rows) + "\n"


def describe_extensions(study: Study) -> str:
    """The keys of the study's attacks and families as plain text: name, value, meaning."""
    lines = []
    for key, sections in (("attacks", study.attacks), ("families", study.families)):
        for name, section in sections.items():
            lines += [f"{key}.{name}: {' '.join(str(type(section).__doc__).split())}", ""]
            lines += [*_describe_keys(section, "  "), ""]
    return "\n".join(lines) + "\n"


def _describe_keys(section: Section, indent: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield f"{indent}{name}:"
            yield from _describe_keys(value, indent + "  ")
        else:
            yield f"{indent}{name}: {json.dumps(value)}"
            yield f"{indent}    {field.description or ''}"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text())
    README.write_text(readme_text())
    RULES.write_text(rules_text())
