package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// dialogue is a line of a JSON Lines file: a whole call.
type dialogue struct {
	Source     string `json:"source"`
	ID         string `json:"id"`
	Lang       string `json:"lang"`
	Utterances []struct {
		Speaker     string   `json:"speaker"`
		Text        string   `json:"text"`
		StartSec    *float64 `json:"start_sec"`
		DurationSec *float64 `json:"duration_sec"`
	} `json:"utterances"`
}

// details are what the file says about the call; where it came from and its language become labels.
func (d dialogue) details() *transcriptv1.CallDetails {
	out := &transcriptv1.CallDetails{Label: d.ID, Labels: map[string]string{}}
	if d.Source != "" {
		out.Labels["source"] = d.Source
	}
	if d.Lang != "" {
		out.Labels["lang"] = d.Lang
	}
	return out
}

// utterances are what was said. An utterance's id is its place in the dialogue, counted from 0, so that the same file
// again is recognised. Speakers keep their names.
func (d dialogue) utterances() []*transcriptv1.NewUtterance {
	out := make([]*transcriptv1.NewUtterance, 0, len(d.Utterances))
	for i, u := range d.Utterances {
		out = append(out, &transcriptv1.NewUtterance{
			UtteranceId: strconv.Itoa(i), Speaker: u.Speaker, Text: u.Text, StartSec: u.StartSec, DurationSec: u.DurationSec,
		})
	}
	return out
}

// errUnreadable says that a file could not be read to its end.
var errUnreadable = errors.New("ingest: unreadable")

// readLine reads a line without the white space around it; io.EOF behind the last. Of a line of more than most bytes
// the rest is passed over, and it is BODY_TOO_LARGE.
func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	size := 0
	for {
		piece, err := r.ReadSlice('\n')
		if size += len(piece); size <= most {
			line = append(line, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: %w", errUnreadable, err)
		case err != nil && size == 0:
			return nil, io.EOF
		case size > most:
			return nil, tooLarge("BODY_TOO_LARGE", "", most)
		}
		return bytes.TrimSpace(line), nil
	}
}
