"""What the generated NetworkPolicies mean, by the word of an evaluator that is not ours."""
