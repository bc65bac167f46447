"""Rule compare: finished studies side by side, as one file that opens without a network."""

from pathlib import Path

from asrtransfer.compare import page, studies
from asrtransfer.files.errors import InputError
from asrtransfer.files.whole import replace_file
from job import Job, run

TEMPLATES = Path(__file__).parents[1] / "report"


def main(job: Job) -> None:
    """Read the folders, and write the page."""
    folders = [Path(folder) for folder in job.params.folders]
    if not folders:
        raise InputError("compare: names no folders; add --config compare='[results, results-digits]'")
    found = studies.read(folders)
    replace_file(job.output("page"), page.render(found, TEMPLATES).encode())
    job.progress(f"{job.output('page')}: {', '.join(found)} side by side", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
