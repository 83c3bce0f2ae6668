"""What became of a batch's recipients, as one file to take along."""
