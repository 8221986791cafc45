// Command oracle judges pods by the Pod Security Standards as Kubernetes itself does: a filter of JSON lines.
// It stands apart from the tests that use it because upstream's evaluator exists in Go only.
//
// In:  {"id": any, "level": "baseline|restricted", "version": "v1.N|latest", "pod": {...}}
// Out: {"id": any, "allowed": bool, "failed": ["checkID", ...], "error": "why the line could not be judged"}
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	kjson "sigs.k8s.io/json"
)

type question struct {
	ID      json.RawMessage `json:"id"`
	Level   api.Level       `json:"level"`
	Version string          `json:"version"`
	Pod     json.RawMessage `json:"pod"`
}

type answer struct {
	ID      json.RawMessage  `json:"id"`
	Allowed bool             `json:"allowed"`
	Failed  []policy.CheckID `json:"failed"`
	Error   string           `json:"error"`
}

// namedCheck is a check in the revision that applies. EvaluatePod gives its results without their ids.
type namedCheck struct {
	id  policy.CheckID
	run policy.CheckPodFn
}

type judge struct {
	evaluator policy.Evaluator
	table     map[api.LevelVersion][]namedCheck
	newest    api.Version
	defaults  bool
}

// newJudge rebuilds upstream's table of checks with their ids and holds its size against the evaluator's.
func newJudge(defaults bool) (*judge, error) {
	checks := policy.DefaultChecks()
	evaluator, err := policy.NewEvaluator(checks, nil)
	if err != nil {
		return nil, err
	}
	// The registry's order: baseline before restricted, then by id.
	slices.SortFunc(checks, func(a, b policy.Check) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(a.ID, b.ID))
	})
	j := &judge{evaluator: evaluator, table: map[api.LevelVersion][]namedCheck{}, defaults: defaults}
	for _, check := range checks {
		if last := check.Versions[len(check.Versions)-1].MinimumVersion; j.newest.Older(last) {
			j.newest = last
		}
	}
	for minor := range j.newest.Minor() + 1 {
		for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
			at := api.LevelVersion{Level: level, Version: api.MajorMinorVersion(1, minor)}
			j.table[at] = applying(checks, at)
			want := len(evaluator.EvaluatePod(at, &metav1.ObjectMeta{}, &corev1.PodSpec{}))
			if want != len(j.table[at]) {
				return nil, fmt.Errorf("%v: upstream runs %d checks, this table has %d", at, want, len(j.table[at]))
			}
		}
	}
	return j, nil
}

// applying lists the checks of a level at a version, without those that a restricted check overrides.
func applying(checks []policy.Check, at api.LevelVersion) []namedCheck {
	overridden := map[policy.CheckID]bool{}
	var found []namedCheck
	for _, check := range slices.Backward(checks) { // Restricted first, for it overrides baseline.
		if overridden[check.ID] || (at.Level == api.LevelBaseline && check.Level != api.LevelBaseline) {
			continue
		}
		for _, revision := range slices.Backward(check.Versions) {
			if !at.Version.Older(revision.MinimumVersion) {
				found = append(found, namedCheck{check.ID, revision.CheckPod})
				for _, id := range revision.OverrideCheckIDs {
					overridden[id] = true
				}
				break
			}
		}
	}
	slices.Reverse(found)
	return found
}

func (j *judge) failed(level api.Level, version string, pod *corev1.Pod) ([]policy.CheckID, error) {
	parsed, err := api.ParseVersion(version)
	if err != nil || (level != api.LevelBaseline && level != api.LevelRestricted) {
		return nil, fmt.Errorf("level %q version %q: want baseline or restricted, and latest or v1.N", level, version)
	}
	if j.newest.Older(parsed) { // As the evaluator does.
		parsed = j.newest
	}
	at := api.LevelVersion{Level: level, Version: parsed}
	results := j.evaluator.EvaluatePod(at, &pod.ObjectMeta, &pod.Spec)
	failed := []policy.CheckID{}
	for i, check := range j.table[at] {
		own := check.run(&pod.ObjectMeta, &pod.Spec)
		if own.Allowed != results[i].Allowed || own.ForbiddenReason != results[i].ForbiddenReason {
			return nil, fmt.Errorf("%v: check %s is not upstream's check number %d", at, check.id, i)
		}
		if !own.Allowed {
			failed = append(failed, check.id)
		}
	}
	if policy.AggregateCheckResults(results).Allowed != (len(failed) == 0) {
		return nil, fmt.Errorf("%v: upstream's verdict is not that of the checks that failed: %v", at, failed)
	}
	return failed, nil
}

// setDefaults does what API defaulting does to the fields that checks read (SetDefaults_Volume, SetDefaults_Pod).
func setDefaults(spec *corev1.PodSpec) {
	for i := range spec.Volumes {
		if spec.Volumes[i].VolumeSource == (corev1.VolumeSource{}) {
			spec.Volumes[i].EmptyDir = &corev1.EmptyDirVolumeSource{}
		}
	}
	if !spec.HostNetwork {
		return
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, container := range containers {
			for k, port := range container.Ports {
				if port.HostPort == 0 {
					container.Ports[k].HostPort = port.ContainerPort
				}
			}
		}
	}
}

func (j *judge) answer(line []byte) answer {
	var q question
	if err := json.Unmarshal(line, &q); err != nil {
		return answer{ID: json.RawMessage("null"), Error: "the line: " + err.Error()}
	}
	a := answer{ID: q.ID, Failed: []policy.CheckID{}}
	var pod corev1.Pod
	// The API server's own decoder: unlike encoding/json it tells upper from lower case.
	if err := kjson.UnmarshalCaseSensitivePreserveInts(q.Pod, &pod); err != nil {
		a.Error = "pod: " + err.Error()
		return a
	}
	if j.defaults {
		setDefaults(&pod.Spec)
	}
	failed, err := j.failed(q.Level, q.Version, &pod)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	a.Failed, a.Allowed = failed, len(failed) == 0
	return a
}

func run(in io.Reader, out io.Writer, defaults bool) error {
	j, err := newJudge(defaults)
	if err != nil {
		return err
	}
	reader, writer := bufio.NewReaderSize(in, 1<<20), bufio.NewWriterSize(out, 1<<16)
	encoder := json.NewEncoder(writer)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 1 {
			if err := encoder.Encode(j.answer(line)); err != nil {
				return err
			}
		}
		if reader.Buffered() == 0 || err != nil { // Whoever asked may be waiting.
			if err := writer.Flush(); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func main() {
	defaults := flag.Bool("default", false, "apply the API server's defaults for pods before judging")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *defaults); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}
