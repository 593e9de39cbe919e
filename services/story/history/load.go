package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// History is everything that was recorded, in the order of its writing.
type History []Record

// Load reads the history in a folder. Its error names the line that cannot be read: a history that is broken is not
// judged, because what is missing in it could be what went wrong.
func Load(dir string) (History, error) {
	path := filepath.Join(dir, Name)
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer func() { _ = file.Close() }()
	h, line, err := parse(file)
	if err != nil {
		return nil, fmt.Errorf("history: %s:%d: %w", path, line, err)
	}
	return h, nil
}

// parse reads lines up to the end or to the first that cannot be read, and returns its number.
func parse(from io.Reader) (h History, number int, err error) {
	in := bufio.NewReader(from)
	for number = 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				return h, number, errors.New("is cut off")
			}
			return h, number, nil
		}
		if err != nil {
			return h, number, err
		}
		record, err := parseLine(line)
		if err != nil {
			return h, number, err
		}
		if n := len(h); n > 0 && record.At < h[n-1].At {
			return h, number, fmt.Errorf("at %d after %d: lines are out of order, or of two histories", record.At, h[n-1].At)
		}
		h = append(h, record)
	}
}

func parseLine(line []byte) (r Record, err error) {
	from := json.NewDecoder(bytes.NewReader(line))
	from.DisallowUnknownFields()
	if err := from.Decode(&r); err != nil {
		return r, err
	}
	if rest, err := io.ReadAll(from.Buffered()); err != nil || len(bytes.TrimSpace(rest)) > 0 {
		return r, fmt.Errorf("%q after the record", rest)
	}
	return r, r.valid()
}

// valid tells that a record is of one kind, and says what its kind is known by.
func (r Record) valid() error {
	kinds := []struct {
		name string
		set  bool
		id   bool
	}{
		{"say", r.Say != nil, r.Say != nil && r.Say.Client != "" && r.Say.Call != "" && r.Say.UtteranceID != ""},
		{"analyse", r.Analyse != nil, r.Analyse != nil && r.Analyse.Client != "" && r.Analyse.Call != ""},
		{"end", r.End != nil, r.End != nil && r.End.Client != "" && r.End.Call != ""},
		{"cancel", r.Cancel != nil, r.Cancel != nil && r.Cancel.Client != "" && r.Cancel.AnalysisID != ""},
		{"heard", r.Heard != nil, r.Heard != nil && r.Heard.Screen != ""},
		{"fault", r.Fault != nil, r.Fault != nil && r.Fault.Kind != ""},
		{"recovered", r.Recovered != nil, r.Recovered != nil && r.Recovered.Kind != ""},
		{"screen", r.Screen != nil, r.Screen != nil && r.Screen.Screen != ""},
		{"read", r.Read != nil, r.Read != nil && r.Read.Call != ""},
		{"log", r.Log != nil, r.Log != nil && r.Log.Stream != "" && r.Log.Sequence != 0},
		{"provider", r.Provider != nil, r.Provider != nil && r.Provider.RequestID != ""},
	}
	name := ""
	for _, k := range kinds {
		switch {
		case !k.set:
		case name != "":
			return fmt.Errorf("a record is of two kinds, %s and %s", name, k.name)
		case !k.id:
			return fmt.Errorf("a record of kind %s does not say whose", k.name)
		default:
			name = k.name
		}
	}
	if name == "" {
		return errors.New("a record is of no kind")
	}
	return nil
}
