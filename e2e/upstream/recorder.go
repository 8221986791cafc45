package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// answer is what the API server said to one dry run, and what upstream's evaluator says of a pod that it admitted.
type answer struct {
	Namespace string   `json:"namespace"`
	Resource  string   `json:"resource"`
	Status    int      `json:"status"`
	Forbidden []string `json:"forbidden"`
}

// recorder writes down the answers that pass by.
type recorder struct {
	next      http.RoundTripper
	evaluator policy.Evaluator
	lock      sync.Mutex
	out       *json.Encoder
}

func newRecorder(path string) (*recorder, error) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	return &recorder{evaluator: evaluator, out: json.NewEncoder(file)}, err
}

func (r *recorder) wrap(next http.RoundTripper) http.RoundTripper {
	r.next = next
	return r
}

// RoundTrip hands a request on, and reads the answer if it is a dry run.
func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err != nil || request.Method != http.MethodPost || request.URL.Query().Get("dryRun") == "" {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	record := answer{Namespace: parts[len(parts)-2], Resource: path.Base(request.URL.Path), Status: response.StatusCode}
	if record.Resource == "pods" && response.StatusCode == http.StatusCreated {
		if record.Forbidden, err = r.judge(record.Namespace, body); err != nil {
			return nil, err
		}
	}
	r.lock.Lock()
	defer r.lock.Unlock()
	return response, r.out.Encode(record)
}

// judge asks upstream about an admitted pod, by the level and version that its namespace is named after.
func (r *recorder) judge(namespace string, body []byte) ([]string, error) {
	var pod corev1.Pod
	if err := json.Unmarshal(body, &pod); err != nil {
		return nil, err
	}
	var level api.Level
	var minor int
	named := strings.NewReplacer("podsecurity-", "", "-", " ").Replace(namespace)
	if _, err := fmt.Sscanf(named, "%s 1 %d", &level, &minor); err != nil {
		return nil, fmt.Errorf("namespace %s: want podsecurity-LEVEL-1-MINOR: %w", namespace, err)
	}
	at := api.LevelVersion{Level: level, Version: api.MajorMinorVersion(1, minor)}
	reasons := []string{}
	for _, result := range r.evaluator.EvaluatePod(at, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			reasons = append(reasons, result.ForbiddenReason)
		}
	}
	return reasons, nil
}
