// Command rules evaluates expressions of Prometheus over made-up series: the alerts' own engine.
//
// It reads {"series": "load 1m\n ...", "expressions": [...], "minutes": 10} on standard input and
// writes, for each expression, for each minute, whether it returns anything: as a rule would see it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/prometheus/promql/promqltest"
)

type question struct {
	Series      string   `json:"series"`
	Expressions []string `json:"expressions"`
	Minutes     int      `json:"minutes"`
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fail(err)
	}
	answer, err := evaluate(asked)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		fail(err)
	}
}

func evaluate(asked question) ([][]bool, error) {
	loader, err := promqltest.NewLazyLoader(asked.Series, promqltest.LazyLoaderOpts{})
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	end := time.Unix(0, 0).Add(time.Duration(asked.Minutes) * time.Minute)
	loader.WithSamplesTill(end, func(loaded error) { err = loaded })
	if err != nil {
		return nil, err
	}
	answers := make([][]bool, len(asked.Expressions))
	for number, expression := range asked.Expressions {
		for minute := range asked.Minutes + 1 {
			found, err := query(loader, expression, time.Duration(minute)*time.Minute)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", expression, err)
			}
			answers[number] = append(answers[number], found)
		}
	}
	return answers, nil
}

func query(loader *promqltest.LazyLoader, expression string, at time.Duration) (bool, error) {
	ctx := context.Background()
	when := time.Unix(0, 0).Add(at)
	asked, err := loader.QueryEngine().NewInstantQuery(ctx, loader.Queryable(), nil, expression, when)
	if err != nil {
		return false, err
	}
	defer asked.Close()
	vector, err := asked.Exec(ctx).Vector()
	return len(vector) > 0, err
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
