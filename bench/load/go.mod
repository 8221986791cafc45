// The load generator: standard library only.
module revet.dev/bench/load

go 1.26.0
