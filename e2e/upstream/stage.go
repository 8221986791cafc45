package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/pod-security-admission/api"
)

const (
	pollEvery = 50 * time.Millisecond
	patience  = 90 * time.Second
)

var policies = schema.GroupVersionResource{Group: "revet.dev", Version: "v1alpha1", Resource: "hardeningpolicies"}

// role is what stands in for a level of Pod Security, and two pods that show that it is in force.
type role struct {
	Spec     map[string]any `json:"spec"`
	Refused  corev1.PodSpec `json:"refused"`
	Admitted corev1.PodSpec `json:"admitted"`
}

// plan says which versions get a policy (minors; none given: all), and what each level's is.
type plan struct {
	Minors []string           `json:"minors"`
	Levels map[api.Level]role `json:"levels"`
}

// stage makes the namespaces of the suite and, in each, has one policy in force.
type stage struct {
	plan      plan
	client    kubernetes.Interface
	resources dynamic.Interface
}

func newStage(config *rest.Config) (*stage, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	resources, err := dynamic.NewForConfig(config)
	return &stage{client: client, resources: resources}, err
}

// createNamespace is upstream's hook. What plays the part of its labels is a HardeningPolicy that selects them.
func (s *stage) createNamespace(_ kubernetes.Interface, name string, labels map[string]string) (*corev1.Namespace, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	namespace, err := s.makeNamespace(ctx, name, labels)
	if err != nil || !s.isPlanned(labels[api.EnforceVersionLabel]) {
		return namespace, err
	}
	role, ok := s.plan.Levels[api.Level(labels[api.EnforceLevelLabel])]
	if !ok {
		return nil, fmt.Errorf("the plan has no level %q", labels[api.EnforceLevelLabel])
	}
	if err := s.makePolicy(ctx, name, labels, role.Spec); err != nil {
		return nil, err
	}
	return namespace, s.waitUntilInForce(ctx, name, role)
}

func (s *stage) isPlanned(version string) bool {
	for _, minor := range s.plan.Minors {
		if version == "v1."+minor {
			return true
		}
	}
	return len(s.plan.Minors) == 0
}

// makeNamespace waits for one of that name to go: a run before this one may have left it ending.
func (s *stage) makeNamespace(ctx context.Context, name string, labels map[string]string) (made *corev1.Namespace, err error) {
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	return made, poll(ctx, func() (bool, error) {
		made, err = s.client.CoreV1().Namespaces().Create(ctx, object, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return false, nil
		}
		return true, err
	})
}

func (s *stage) makePolicy(ctx context.Context, name string, labels map[string]string, spec map[string]any) error {
	full := map[string]any{
		"namespaceSelector": map[string]any{"matchLabels": map[string]any{corev1.LabelMetadataName: name}},
		"standardVersion":   labels[api.EnforceVersionLabel],
	}
	for field, value := range spec {
		full[field] = value
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": policies.GroupVersion().String(),
		"kind":       "HardeningPolicy",
		"metadata":   map[string]any{"name": name},
		"spec":       full,
	}}
	made, err := s.resources.Resource(policies).Apply(ctx, name, object, metav1.ApplyOptions{FieldManager: "live", Force: true})
	if err != nil {
		return err
	}
	return poll(ctx, func() (bool, error) {
		found, err := s.resources.Resource(policies).Get(ctx, name, metav1.GetOptions{})
		return err == nil && isEnforcing(found, made.GetGeneration()), err
	})
}

func isEnforcing(policy *unstructured.Unstructured, generation int64) bool {
	conditions, _, _ := unstructured.NestedSlice(policy.Object, "status", "conditions")
	for _, each := range conditions {
		condition, _ := each.(map[string]any)
		if condition["type"] == "Enforcing" && condition["observedGeneration"] == generation {
			return condition["status"] == "True"
		}
	}
	return false
}

// waitUntilInForce asks about two pods, since the API server learns of webhooks by a watch.
func (s *stage) waitUntilInForce(ctx context.Context, namespace string, role role) error {
	return poll(ctx, func() (bool, error) {
		refused := s.ask(ctx, namespace, role.Refused)
		admitted := s.ask(ctx, namespace, role.Admitted)
		return admitted == nil && refused != nil && strings.Contains(refused.Error(), "denied the request"), nil
	})
}

func (s *stage) ask(ctx context.Context, namespace string, spec corev1.PodSpec) error {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "probe"}, Spec: spec}
	_, err := s.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

func poll(ctx context.Context, isDone func() (bool, error)) error {
	return wait.PollUntilContextCancel(ctx, pollEvery, true, func(context.Context) (bool, error) { return isDone() })
}
