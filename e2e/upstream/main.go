// Command live runs upstream's own suite of the Pod Security Standards against an API server that calls our webhook.
// It stands apart from the tests that use it because the suite exists in Go only.
//
// It prints what `go test -v` would, and ends with 1 if an expectation of upstream's is not met.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	psatest "k8s.io/pod-security-admission/test"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "of an admin")
	plan := flag.String("plan", "", "file: what the policies of each level are, as JSON")
	answers := flag.String("answers", "", "file to write: a line of JSON for each answer of the API server")
	testing.Init()
	flag.Parse()
	suite, err := newSuite(*kubeconfig, *plan, *answers)
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(2)
	}
	testing.Main(regexp.MatchString, []testing.InternalTest{{Name: "PodSecurity", F: suite.run}}, nil, nil)
}

type suite struct {
	config *rest.Config // what upstream's suite uses: each answer is written down
	stage  *stage
}

func newSuite(kubeconfig, plan, answers string) (*suite, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1                              // else client-go waits: five requests a second
	config.ContentType = runtime.ContentTypeJSON // else protobuf, which the recorder would have to read
	stage, err := newStage(config)
	if err != nil {
		return nil, err
	}
	if err := readJSON(plan, &stage.plan); err != nil {
		return nil, err
	}
	recorder, err := newRecorder(answers)
	if err != nil {
		return nil, err
	}
	recorded := rest.CopyConfig(config)
	recorded.Wrap(recorder.wrap)
	return &suite{recorded, stage}, nil
}

func (s *suite) run(t *testing.T) {
	psatest.Run(t, psatest.Options{ClientConfig: s.config, CreateNamespace: s.stage.createNamespace})
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
