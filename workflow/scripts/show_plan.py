"""Rule plan: what the study will take, on the screen and in the log."""

import logging
import sys
from typing import TYPE_CHECKING

from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake):
    text = str(snakemake.params.text)
    logging.getLogger("plan").info("%s", text)
    sys.stderr.write(text)
