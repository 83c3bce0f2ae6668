"""In which lane and how fast chunks go, so that no campaign delays anybody else."""
