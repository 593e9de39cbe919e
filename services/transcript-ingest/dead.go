package ingest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Buckets of the view of dead letters. It is a file of its own: letters vanish by age and by erasing, and a view that
// has to be made anew for it is made of little.
const (
	letterBucket = "letters" // tenant, 0, sequence in DEAD -> letter
	nameBucket   = "names"   // tenant, 0, id of a letter -> its sequence
	deadFormat   = "1"
	// deadKept is how long a letter is kept, which the stream sees to.
	deadKept = 30 * 24 * time.Hour
	// maxLetter bounds a letter as it is stored, in bytes: the log takes 1 MiB with headers.
	maxLetter = 1<<20 - 32<<10
)

// letter is a dead letter in the list.
type letter struct {
	ID          string            `json:"id"`
	Time        time.Time         `json:"time"`
	Origin      string            `json:"origin"`
	Subject     string            `json:"subject"`
	CallID      string            `json:"callId"`
	EventID     string            `json:"eventId"`
	EventSource string            `json:"eventSource"`
	Code        string            `json:"code"`
	Field       string            `json:"field"`
	Params      map[string]string `json:"params,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Data        []byte            `json:"data,omitempty"`
}

func newDeadFollower(cfg Config, deps Deps) *follow.Follower {
	return follow.New(follow.Config{
		Log:     deps.Log,
		Path:    filepath.Join(cfg.Views, Name+"-dead.db"),
		Buckets: []string{letterBucket, nameBucket},
		Format:  deadFormat,
		Streams: []string{subject.Dead},
		Apply:   applyDead,
		// Age and erasing take letters away; nothing is decided upon what a view still lists.
		Explains:  func(*view.Tx, string, view.Seen) bool { return true },
		Logger:    deps.Logger.With("service", Name),
		Telemetry: telemetry.Scope{}, // how far behind the service is, is measured of its calls
	})
}

func letterKey(tenant string, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(tenant+"\x00"), sequence)
}

func nameKey(tenant, id string) []byte { return []byte(tenant + "\x00" + id) }

func applyDead(tx *view.Tx, m stream.Message) error {
	_, tenant, rest, ok := subject.Parse(m.Subject)
	if !ok || len(rest) != 2 {
		return fmt.Errorf("ingest: foreign subject %q", m.Subject)
	}
	var dead eventv1.DeadLetter
	if err := proto.Unmarshal(m.Data, &dead); err != nil {
		return err
	}
	if dead.GetStream() == subject.Dead {
		return removeLetter(tx, tenant, dead.GetSequence())
	}
	out := letter{
		ID: m.EventID, Time: dead.GetMeta().GetAt().AsTime(), Origin: dead.GetOrigin(), Subject: dead.GetSubject(),
		EventID: dead.GetId(), EventSource: dead.GetSource(), Code: dead.GetCode(), Field: dead.GetField(), Params: dead.GetParams(),
	}
	if rest[1] != "_" {
		out.CallID = rest[1]
	}
	if err := tx.Put(nameBucket, nameKey(tenant, out.ID), binary.BigEndian.AppendUint64(nil, m.Sequence)); err != nil {
		return err
	}
	return putJSON(tx, letterBucket, letterKey(tenant, m.Sequence), out)
}

// removeLetter takes a letter that was taken after all out of the list. Its name stays: a message that comes again is
// not given up on twice.
func removeLetter(tx *view.Tx, tenant string, sequence uint64) error {
	return tx.Delete(letterBucket, letterKey(tenant, sequence))
}

// letterName is the same whenever a message is delivered, and no other message's.
func letterName(m stream.Message) string {
	return fmt.Sprintf("dead-%x-%d", m.Time.UnixNano(), m.Sequence)
}

// bury writes a message of the inbox down among the dead letters, once however often it is delivered. Of a message about
// an erased call only the name is kept, and why it was refused.
func (s *Service) bury(ctx context.Context, p parcel, call string, cause error) error {
	if checkID("", call) != nil {
		call = "" // none that could be looked for
	}
	at, name := subject.DeadLetter(p.tenant, originInbox, call), letterName(p.Message)
	_, err := s.dead.Commit(ctx, stream.NewGuard(subject.Dead, at), name, func(tx *view.Tx) (*stream.Event, error) {
		if tx.Get(nameBucket, nameKey(p.tenant, name)) != nil {
			return nil, nil //nolint:nilnil // it lies there
		}
		out := p.letter(cause)
		if out.GetCode() == "CALL_ERASED" || s.erasedCall(p.tenant, call) {
			// No erase comes by again: what was said in the call would lie here as long as letters do.
			out.Data, out.Headers, out.Params = nil, nil, nil
		}
		return encode(at, out)
	})
	return err
}

// letter is a message with the reason it was refused for. One that is too large to be kept whole is cut: no way in would
// take it.
func (p parcel) letter(cause error) *eventv1.DeadLetter {
	f, _ := fault.As(cause)
	out := &eventv1.DeadLetter{
		Meta: meta(self(ref{tenant: p.tenant})), Origin: originInbox, Stream: p.Message.Stream, Sequence: p.Message.Sequence,
		Subject: clean(p.Message.Subject), Id: clean(p.event.id), Source: clean(p.event.source), Code: f.Code, Field: clean(f.Field),
		Params: map[string]string{}, Headers: map[string]string{}, Data: p.Message.Data,
	}
	for k, v := range f.Params {
		out.Params[clean(k)] = clean(v)
	}
	for k, v := range p.Header {
		if len(v) > 0 {
			out.Headers[clean(k)] = clean(v[0])
		}
	}
	if proto.Size(out) > maxLetter {
		out.Params["length"] = strconv.Itoa(len(out.GetData()))
		out.Data = out.GetData()[:min(len(out.GetData()), maxEvent)]
	}
	if proto.Size(out) > maxLetter {
		out.Headers = nil
	}
	return out
}

// clean is text as protobuf takes it, of a length that no header or field of sense has.
func clean(text string) string {
	const most = 4096
	return strings.ToValidUTF8(text[:min(len(text), most)], "\uFFFD")
}

// letters are a page of a tenant's dead letters, newest first, before a sequence (0: all).
func (s *Service) letters(tenant string, before uint64, size int) (out []letter, next uint64, err error) {
	var from []byte
	if before > 0 {
		from = letterKey(tenant, before)
	}
	oldest := time.Now().Add(-deadKept)
	err = s.dead.Read(func(tx *view.Tx) error {
		prefix := []byte(tenant + "\x00")
		var last uint64
		for k, value := range tx.ScanBack(letterBucket, prefix, from) {
			if len(out) == size {
				next = last
				return nil
			}
			var l letter
			if err := json.Unmarshal(value, &l); err != nil {
				return err
			}
			if l.Time.Before(oldest) {
				return nil
			}
			if s.erasedCall(tenant, l.CallID) {
				continue
			}
			last = binary.BigEndian.Uint64(k[len(prefix):])
			out = append(out, l)
		}
		return nil
	})
	return out, next, err
}

// erasedCall tells whether a letter's call is erased, and what came with it.
func (s *Service) erasedCall(tenant, call string) bool {
	rec, err := s.record(ref{tenant, call})
	return err == nil && rec.Erased
}

// letter finds a dead letter with what came, as it lies on the log. NOT_FOUND for one that was taken, erased, or is too
// old.
func (s *Service) letter(ctx context.Context, tenant, id string) (l letter, m stream.Message, err error) {
	var sequence uint64
	err = s.dead.Read(func(tx *view.Tx) error {
		if value := tx.Get(nameBucket, nameKey(tenant, id)); len(value) == 8 {
			sequence = binary.BigEndian.Uint64(value)
		}
		return getJSON(tx, letterBucket, letterKey(tenant, sequence), &l)
	})
	unknown := fault.New(fault.NotFound, "NOT_FOUND", fault.Param("deadLetter", id))
	if err != nil || l.ID == "" {
		return l, m, cmpOr(err, unknown)
	}
	m, ok, err := s.facts.At(ctx, subject.Dead, sequence)
	if err != nil || !ok {
		return l, m, cmpOr(err, unknown)
	}
	var dead eventv1.DeadLetter
	if err := proto.Unmarshal(m.Data, &dead); err != nil {
		return l, m, err
	}
	l.Headers, l.Data = dead.GetHeaders(), dead.GetData()
	return l, m, nil
}

func cmpOr(err error, otherwise *fault.Error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// redrive takes a dead letter the way it would have come, in the service's own name as then. Once it is in, it is gone
// from the list; what refuses it leaves it there. CALL_ERASED for one of an erased call, of which nothing was kept.
func (s *Service) redrive(ctx context.Context, by identity.Caller, id string) (got taken, err error) {
	l, m, err := s.letter(ctx, by.Tenant, id)
	if err != nil {
		return got, err
	}
	if l.Code == "CALL_ERASED" || s.erasedCall(by.Tenant, l.CallID) {
		return got, callErased() // nothing of it was kept that could be driven
	}
	headers := map[string][]string{}
	for k, v := range l.Headers {
		headers[k] = []string{v}
	}
	e, err := eventOf(headers, l.Data)
	if err != nil {
		return got, err
	}
	a, err := e.arrival(stamp(&l.Time))
	if err != nil {
		return got, err
	}
	r := ref{by.Tenant, a.call}
	if got = s.bring(ctx, self(r), r, a); got.err != nil {
		return got, got.err
	}
	pos, err := s.dead.Commit(ctx, stream.NewGuard(subject.Dead, m.Subject), "taken-"+id, func(*view.Tx) (*stream.Event, error) {
		return encode(m.Subject, &eventv1.DeadLetter{Meta: meta(by), Origin: l.Origin, Stream: subject.Dead, Sequence: m.Sequence})
	})
	got.pos = furthest(got.pos, pos)
	return got, err
}
