"""The operator: reconciles policies into objects of the cluster."""
