// A registry that programs other than ours can push to.
module revet.dev/e2e/registry

go 1.26.0

require github.com/google/go-containerregistry v0.22.1
