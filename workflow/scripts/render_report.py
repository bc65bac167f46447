"""Rule report: everything that there is to say, see and hear, as one file that opens without a network."""

from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer.files import parquet
from asrtransfer.files.whole import replace_file
from asrtransfer.report import gallery, material, page
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    params = snakemake.params
    paths = {
        name: [Path(path) for path in snakemake.input[name]]
        for name in ("tables", "attacks", "transcripts", "curves", "cards")
    }
    study = material.read(**paths)
    exhibits = gallery.build(
        study,
        Path(snakemake.input.audio).parent,
        parquet.read(Path(snakemake.input.selected)),
        **params.gallery,
    )
    html = page.render(
        study,
        exhibits,
        page.Settings(params.level, params.rows),
        Path(__file__).parents[1] / "report",
        [path.stem for path in paths["tables"]],
    ).encode()
    replace_file(Path(snakemake.output.report), html)
    progress(f"{len(html) / 1e6:.1f} MB, {len(exhibits.exhibits)} samples to hear", last=True)
