// Command yaml_oracle reads YAML and JSON as kubectl and the API server do: a filter of JSON lines.
// It stands apart from the tests that use it because sigs.k8s.io/yaml exists in Go only.
//
// In:  {"text": "...", "json": false}
// Out: {"json": "what it is as JSON", "error": "why it is refused", "strict": "why strict reading refuses it"}
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

type question struct {
	Text string `json:"text"`
	JSON bool   `json:"json"`
}

type answer struct {
	JSON   string `json:"json"`
	Error  string `json:"error"`
	Strict string `json:"strict"`
}

func say(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// readJSON decodes as the API server does, which keeps integers, and writes it again.
func readJSON(text string) ([]byte, error) {
	var value any
	if err := kjson.UnmarshalCaseSensitivePreserveInts([]byte(text), &value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func (q question) answer() answer {
	if q.JSON {
		found, err := readJSON(q.Text)
		return answer{JSON: string(found), Error: say(err)}
	}
	found, err := yaml.YAMLToJSON([]byte(q.Text))
	_, strict := yaml.YAMLToJSONStrict([]byte(q.Text))
	return answer{JSON: string(found), Error: say(err), Strict: say(strict)}
}

func run(in io.Reader, out io.Writer) error {
	decoder, writer := json.NewDecoder(in), bufio.NewWriter(out)
	encoder := json.NewEncoder(writer)
	for {
		var q question
		if err := decoder.Decode(&q); errors.Is(err, io.EOF) {
			return writer.Flush()
		} else if err != nil {
			return fmt.Errorf("a question: %w", err)
		}
		if err := encoder.Encode(q.answer()); err != nil {
			return err
		}
	}
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "yaml_oracle:", err)
		os.Exit(1)
	}
}
