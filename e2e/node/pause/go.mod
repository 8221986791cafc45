// What holds a pod's namespaces open on the node.
module revet.dev/e2e/node/pause

go 1.26.0
