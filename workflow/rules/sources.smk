import marshal
import sys
import tarfile
import tempfile
from pathlib import Path

from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile


def find_repository(workflow):
    """Find the folder of this repository, which may be another than that of the workflow that imports it."""
    rules = workflow.current_basedir
    if isinstance(rules, LocalSourceFile):
        return Path(rules.path).parents[1]
    # From git, Snakemake fetches only the files that directives name, and no packages.
    if isinstance(rules, HostingProviderFile):
        repository = rules.hosted_repo.repo
    elif isinstance(rules, LocalGitFile):
        from git import Repo

        repository = Repo(rules.repo_path)
    else:
        sys.exit(
            f"{rules}: this workflow has packages, which Snakemake does not fetch from there; "
            "name the Snakefile of a local clone, or use github(), gitlab() or gitfile()"
        )
    return unpack(repository, repository.commit(rules.ref).hexsha, Path(workflow.sourcecache.cache_path))


def unpack(repository, commit, cache):
    """Unpack a commit into Snakemake's cache, where the next run and its jobs find it."""
    folder = cache / "asr-attack-transfer" / commit
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as part, tempfile.TemporaryFile() as archive:
        repository.archive(archive, commit, prefix="repository/")
        archive.seek(0)
        # Python 3.11.2 (Debian 12) has no extraction filters.
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tarfile.open(fileobj=archive).extractall(part, **safely)
        try:
            Path(part, "repository").rename(folder)
        except OSError:
            # Another job was faster.
            if not folder.is_dir():
                raise
    return folder


def remove_torn_bytecode(folder):
    """Remove compiled modules that a loss of power cut off: Python does not look, and would not start any more."""
    for path in folder.rglob("__pycache__/*.pyc"):
        try:
            # What precedes the code says whose it is.
            marshal.loads(path.read_bytes()[16:])
        except (EOFError, TypeError, ValueError):
            path.unlink()
        except OSError:
            continue


REPOSITORY = find_repository(workflow)
RULES = REPOSITORY / "workflow" / "rules"
SCRIPTS = REPOSITORY / "workflow" / "scripts"
if workflow.is_main_process:
    remove_torn_bytecode(SCRIPTS)
sys.path.insert(0, str(SCRIPTS))
