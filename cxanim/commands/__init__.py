"""The commands of the command line, one per file; each loads its pipeline when it is typed."""
