# The workflow, for `snakemake` in a clone; it lies in workflow/, where other workflows and the catalog look for it.
include: "workflow/Snakefile"


# An included file leaves the default target as it was.
workflow.default_target = "all"
