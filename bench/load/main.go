// Command load sends one HTTPS request over and over and tells how fast the answers come and whether they are right.
// It is a program of its own, in Go, so that the load costs little of the two cores that the server needs too.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const warmUp = 4 // Requests on each connection that are not counted.

type options struct {
	url, body, ca, cert, key, expect string
	connections, status              int
	duration                         time.Duration
	rate                             float64
	http2                            bool
}

// template is a request body. Where it is an AdmissionReview, each request gets a uid of its own.
type template struct {
	before, after []byte
	expect        *bool
}

func (t template) fill(uid string) []byte {
	if t.expect == nil {
		return t.before
	}
	return slices.Concat(t.before, []byte(uid), t.after)
}

// check tells what is wrong with an answer.
func (t template) check(uid string, answer []byte) error {
	if t.expect == nil {
		return nil
	}
	var review struct {
		Response struct {
			UID     string
			Allowed *bool
		}
	}
	if err := json.Unmarshal(answer, &review); err != nil {
		return err
	}
	if r := review.Response; r.UID != uid || r.Allowed == nil || *r.Allowed != *t.expect {
		return fmt.Errorf("want uid %s allowed %t, got %s", uid, *t.expect, answer)
	}
	return nil
}

func readTemplate(path, expect string) (template, error) {
	body, err := os.ReadFile(path)
	if err != nil || expect == "" {
		return template{before: body}, err
	}
	allowed, err := strconv.ParseBool(expect)
	if err != nil {
		return template{}, fmt.Errorf("--expect %s: want true or false", expect)
	}
	var review struct{ Request struct{ UID string } }
	if err := json.Unmarshal(body, &review); err != nil {
		return template{}, err
	}
	before, after, found := bytes.Cut(body, []byte(review.Request.UID))
	if !found || review.Request.UID == "" {
		return template{}, fmt.Errorf("%s: it has no request.uid", path)
	}
	return template{before, after, &allowed}, nil
}

// newClient makes a client that holds one connection.
func newClient(o options) (*http.Client, error) {
	pem, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: it holds no certificate", o.ca)
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!o.http2)
	protocols.SetHTTP2(o.http2)
	transport := &http.Transport{TLSClientConfig: config, Protocols: protocols, MaxConnsPerHost: 1, DisableCompression: true}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}, nil
}

// worker sends on one connection, one request at a time.
type worker struct {
	options
	template
	client    *http.Client
	latencies []time.Duration
	failures  int
	failure   error
}

func (w *worker) ask(uid string) error {
	answer, err := w.client.Post(w.url, "application/json", bytes.NewReader(w.fill(uid)))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != w.status {
		return fmt.Errorf("want status %d, got %s: %s", w.status, answer.Status, body)
	}
	return w.check(uid, body)
}

// run asks until the end. With a rate the requests have a timetable, common to all workers, and a latency counts from
// the time at which the request was due: a server that stalls is charged for all whom it kept waiting.
func (w *worker) run(start time.Time, next *atomic.Int64) {
	for {
		number := next.Add(1) - 1
		due := time.Now()
		if w.rate > 0 {
			due = start.Add(time.Duration(float64(number) / w.rate * float64(time.Second)))
		}
		if due.After(start.Add(w.duration)) {
			return
		}
		time.Sleep(time.Until(due))
		if err := w.ask(fmt.Sprintf("00000000-0000-4000-8000-%012x", number)); err != nil {
			w.failures, w.failure = w.failures+1, err
		}
		w.latencies = append(w.latencies, time.Since(due))
	}
}

// waitForStart says that all is connected and warm, and waits for a line: whoever counts a server's CPU time looks now,
// so that handshakes are no part of it.
func waitForStart() error {
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func run(o options) error {
	template, err := readTemplate(o.body, o.expect)
	if err != nil {
		return err
	}
	workers := make([]*worker, o.connections)
	for i := range workers {
		client, err := newClient(o)
		if err != nil {
			return err
		}
		workers[i] = &worker{options: o, template: template, client: client}
		for range warmUp {
			if err := workers[i].ask("00000000-0000-4000-8000-000000000000"); err != nil {
				return err
			}
		}
	}
	if err := waitForStart(); err != nil {
		return err
	}
	var next atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for _, w := range workers {
		all.Go(func() { w.run(start, &next) })
	}
	all.Wait()
	return report(workers, time.Since(start).Seconds())
}

func report(workers []*worker, seconds float64) error {
	var latencies []time.Duration
	var failures int
	var failure error
	for _, w := range workers {
		latencies = append(latencies, w.latencies...)
		failures, failure = failures+w.failures, errors.Join(failure, w.failure)
	}
	if len(latencies) == 0 {
		return errors.New("no request was sent: --duration is too short")
	}
	if failure != nil {
		log.Print(failure)
	}
	slices.Sort(latencies)
	quantile := func(q float64) float64 {
		return float64(latencies[int(q*float64(len(latencies)-1))].Microseconds()) / 1000
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests": len(latencies), "errors": failures, "seconds": seconds, "rate": float64(len(latencies)) / seconds,
		"p50_ms": quantile(0.5), "p99_ms": quantile(0.99), "max_ms": quantile(1),
	})
}

func main() {
	var o options
	flag.StringVar(&o.url, "url", "", "where to send")
	flag.StringVar(&o.body, "body", "", "file with the body, JSON")
	flag.StringVar(&o.ca, "ca", "", "certificate of the authority to trust, PEM")
	flag.StringVar(&o.cert, "cert", "", "client certificate, PEM, if the server asks for one")
	flag.StringVar(&o.key, "key", "", "its key, PEM")
	flag.StringVar(&o.expect, "expect", "", "true or false: what every AdmissionReview's answer must say of `allowed`")
	flag.IntVar(&o.status, "expect-status", http.StatusOK, "the HTTP status that every answer must have")
	flag.IntVar(&o.connections, "connections", 16, "how many connections, each with one request at a time")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "for how long")
	flag.Float64Var(&o.rate, "rate", 0, "requests a second by the clock; 0: each as soon as the last is answered")
	flag.BoolVar(&o.http2, "http2", false, "speak HTTP/2 instead of HTTP/1.1")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal(err)
	}
}
