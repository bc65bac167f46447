"""Rules plan, power and keys: a text about the study, on the screen and in the log."""

import logging
import sys

from job import Job, run


def main(job: Job) -> None:
    """Show the text."""
    text = str(job.params.text)
    logging.getLogger("plan").info("%s", text)
    sys.stderr.write(text)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
