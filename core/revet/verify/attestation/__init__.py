"""What attestations must say: provenance, scans, bills of materials, and whatever else."""
