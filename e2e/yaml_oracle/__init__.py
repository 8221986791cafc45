"""sigs.k8s.io/yaml as a program: what kubectl and the API server read, for tests to compare."""
