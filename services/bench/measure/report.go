package measure

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Header says what was measured and where.
type Header struct {
	Version    string    `json:"version"`
	Go         string    `json:"go"`
	CPU        string    `json:"cpu"`
	Cores      int       `json:"cores"`
	Kernel     string    `json:"kernel"`
	Filesystem string    `json:"filesystem"`
	Begun      time.Time `json:"begun"`
}

// Report is a whole run.
type Report struct {
	Header Header   `json:"header"`
	Rows   []Result `json:"rows"`
}

// Save writes a report to a file, for a later comparison.
func (r Report) Save(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644) //nolint:gosec // figures are no secret
}

// Load reads a report that was saved.
func Load(path string) (r Report, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if len(r.Rows) == 0 {
		return r, fmt.Errorf("%s: no rows in it", path)
	}
	return r, nil
}
