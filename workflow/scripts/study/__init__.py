"""What a configuration means: models, jobs, names of files. No tensors, and nothing of Snakemake."""
