# The workflow, for `snakemake` in a clone; it lies in workflow/, where other workflows and the catalog look for it.
include: "workflow/Snakefile"
