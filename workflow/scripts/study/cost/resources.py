"""What a job asks a cluster for, computed from its work; more at each attempt.

Nothing here changes a result, so nothing here reruns anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from study import params
from study.config import Study
from study.cost import work

# Cards and disks differ, and a job that is ended early has cost its time.
SPARE_MEMORY = 1.25
SPARE_TIME = 3
LEAST_MINUTES = 15


def place(study: Study, rule: str, site: Mapping[str, Any]) -> dict[str, Any]:
    """Where the jobs of a rule run: ``gpu`` and, where the site names them, ``slurm_partition`` and ``gpu_model``.

    Slurm may take several GPUs from as many nodes, unless ``nodes`` says otherwise.

    Args:
        site: what is particular to a cluster: ``cpu_partition``, ``gpu_partition``, ``gpu_kind``.
    """
    gpu = count_gpus(study, rule)
    found = {
        "slurm_partition": site.get("gpu_partition" if gpu else "cpu_partition"),
        "gpu_model": site.get("gpu_kind") if gpu else None,
        "nodes": 1 if gpu > 1 else None,
    }
    return {"gpu": gpu} | {name: value for name, value in found.items() if value}


def count_gpus(study: Study, rule: str) -> int:
    """GPUs that the jobs of a rule ask for: a training as many as any family's."""
    if rule not in work.NETWORKS:
        return 0
    if rule == "train":
        sections = [study.section_of(name) for name in study.trained]
        return max((params.count_gpus(study, section) for section in sections), default=0)
    return params.count_gpus(study)


def memory(job: work.Work, attempt: int) -> int:
    """MB that a job asks for; ``attempt`` is 1 for the first try."""
    return 100 * math.ceil(job.memory * SPARE_MEMORY * 1.5 ** (attempt - 1) / 100)


def minutes(job: work.Work, attempt: int, site: Mapping[str, Any]) -> int:
    """Minutes that a job asks for, at most the site's ``longest``."""
    wanted = math.ceil(LEAST_MINUTES + SPARE_TIME * job.seconds / 60) * attempt
    return min(wanted, int(site.get("longest", wanted)))
