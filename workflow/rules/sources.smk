import sys
from pathlib import Path

from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile

# What the rules need beyond the files that Snakemake fetches by itself: those that a directive names.
CARRIED = ["config/rates.json", "workflow/report", "workflow/scripts"]


def find_repository(workflow):
    """Find the folder of this repository, which may be another than that of the workflow that imports it.

    From a git address, Snakemake fetches single files into its cache, where a script finds what lies beside it. So
    the packages are fetched to the same place, a file at a time.
    """
    rules = workflow.current_basedir
    if isinstance(rules, LocalSourceFile):
        return Path(rules.path).parents[1]
    if isinstance(rules, HostingProviderFile):
        git = rules.hosted_repo.repo.git
    elif isinstance(rules, LocalGitFile):
        from git import Repo

        git = Repo(rules.repo_path).git
    else:
        sys.exit(
            f"{rules}: this workflow has packages, which Snakemake does not fetch from there; "
            "clone the repository and name the Snakefile of the clone, or use github(), gitlab() or gitfile()"
        )
    for name in git.ls_tree("-r", "--name-only", "--full-tree", rules.ref, *CARRIED).splitlines():
        workflow.source_path(f"../../{name}")
    return Path(workflow.source_path("../../config/rates.json")).parents[1]


REPOSITORY = find_repository(workflow)
SCRIPTS = REPOSITORY / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))
