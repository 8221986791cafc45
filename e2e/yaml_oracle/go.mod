// The YAML reader of kubectl and of the API server, in the version that ours is held against.
module revet.dev/e2e/yaml_oracle

go 1.26.0

require (
	sigs.k8s.io/json v0.0.0-20250730193827-2d320260d730
	sigs.k8s.io/yaml v1.6.0
)

require go.yaml.in/yaml/v2 v2.4.3 // indirect
