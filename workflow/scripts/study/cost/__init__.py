"""What a study will take: work of each job, rates of a machine, the plan, and what jobs ask for."""
