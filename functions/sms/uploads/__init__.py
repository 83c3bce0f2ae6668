"""Files that customers upload, read in steps that each may be the last of its process."""
