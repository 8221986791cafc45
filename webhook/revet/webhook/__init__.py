"""The admission webhook: AdmissionReviews in, verdicts out."""
