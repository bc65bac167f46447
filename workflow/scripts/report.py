"""Rule report: verdict, tables, figures and samples to hear as one file that opens without a network."""

from pathlib import Path

from asrtransfer.files import parquet
from asrtransfer.files.whole import replace_file
from asrtransfer.report import audit_page, gallery, material, page
from asrtransfer.tables import Design
from job import Job, run

TEMPLATES = Path(__file__).parents[1] / "report"


def main(job: Job) -> None:
    """Read the tables and results, choose samples to hear, and write the page."""
    params = job.params
    paths = {name: job.inputs(name) for name in ("tables", "attacks", "transcripts", "curves", "cards")}
    study = material.read(Design.from_dict(params.design), **paths)
    audit = parquet.read(job.input("audit"))
    selected = parquet.read(job.input("selected"))
    exhibits = gallery.build(study, job.input("audio").parent, selected, **params.gallery)
    order = [path.stem for path in paths["tables"]]
    html = page.render(study, exhibits, audit, TEMPLATES, order, rows=params.rows).encode()
    replace_file(job.output("report"), html)
    replace_file(job.output("audit"), audit_page.render(audit, TEMPLATES).encode())
    job.progress(f"{len(html) / 1e6:.1f} MB, {len(exhibits.exhibits)} samples to hear", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
