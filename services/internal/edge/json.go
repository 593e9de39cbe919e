package edge

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// MaxBody is how large a request's body may be where nothing else is said, in bytes.
const MaxBody = 1 << 20

// Decode reads a JSON body of at most limit bytes into out. Unknown members, wrong types, text behind the value and
// invalid UTF-8 are INVALID and name the member; too much is BODY_TOO_LARGE; another content type than JSON is
// UNSUPPORTED_MEDIA_TYPE.
func Decode(w http.ResponseWriter, r *http.Request, limit int64, out any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return fault.New(fault.UnsupportedMedia, "UNSUPPORTED_MEDIA_TYPE", fault.Param("expected", "application/json"))
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		return fault.New(fault.TooLarge, "BODY_TOO_LARGE", fault.Param("limit", strconv.FormatInt(limit, 10)))
	case err != nil:
		return fault.New(fault.Invalid, "INVALID", fault.Wrapping(err))
	case !utf8.Valid(data):
		return fault.New(fault.Invalid, "INVALID", fault.Param("reason", "not UTF-8"))
	}
	return Unmarshal(string(data), out)
}

// Unmarshal is Decode for text that has been read already.
func Unmarshal(text string, out any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(out); err != nil {
		return malformed(text, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "INVALID", fault.Param("reason", "more than one value"))
	}
	return nil
}

func malformed(text string, err error) error {
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fault.New(fault.Invalid, "INVALID", fault.Field(fieldOf(text, kind)),
			fault.Param("reason", kind.Value+" instead of "+jsonType(kind.Type)))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fault.New(fault.Invalid, "INVALID", fault.Field(strings.Trim(name, `"`)),
			fault.Param("reason", "unknown member"))
	}
	return fault.New(fault.Invalid, "INVALID", fault.Param("reason", err.Error()))
}

// Encode answers with a value.
func Encode(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // an error is the client's going: there is nobody to tell
	return nil
}

// positionHeader carries the position that an answer includes, and the one that a read must include.
const positionHeader = "Kikigaki-Position"

// Position is what a read must at least include; "" when the client does not say.
func Position(r *http.Request) string { return r.Header.Get(positionHeader) }

// SetPosition says what an answer includes.
func SetPosition(w http.ResponseWriter, position string) {
	if position != "" {
		w.Header().Set(positionHeader, position)
	}
}

const (
	defaultPage = 50
	maxPage     = 200
)

// Page reads pageSize (1 to 200, else 50) and pageToken.
func Page(r *http.Request) (size uint32, token string, err error) {
	q := r.URL.Query()
	text := q.Get("pageSize")
	if text == "" {
		return defaultPage, q.Get("pageToken"), nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n < 1 || n > maxPage {
		return 0, "", fault.New(fault.Invalid, "FIELD_INVALID", fault.Field("pageSize"),
			fault.Param("allowed", "1-"+strconv.Itoa(maxPage)))
	}
	return uint32(n), q.Get("pageToken"), nil
}

// Time writes a time as RFC 3339; nil, and so null, where there is none.
func Time(t *timestamppb.Timestamp) *string {
	if t == nil {
		return nil
	}
	s := t.AsTime().UTC().Format(time.RFC3339Nano)
	return &s
}
