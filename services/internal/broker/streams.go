package broker

import (
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/proto/subject"
)

const (
	mebibyte = 1 << 20
	gibibyte = 1 << 30
)

// Declarations are the streams that Kikigaki lives on. Every one is bounded and refuses new messages when it is full,
// because dropping an old one would be losing what was acknowledged.
func Declarations() []stream.Declaration {
	return []stream.Declaration{
		{ // first, so that no other is ever there without it
			Name: subject.Settings, Description: "settings",
			Subjects: []string{subject.All(subject.NounSetting)}, PerSubject: 1, MaxBytes: 256 * mebibyte,
		}, {
			Name: subject.Live, Description: "words of calls in progress",
			Subjects: []string{subject.All(subject.NounLive)}, Batches: true, MaxBytes: 16 * gibibyte,
		}, {
			Name: subject.Transcripts, Description: "words of finished calls",
			Subjects: []string{subject.All(subject.NounTranscript)}, MaxBytes: 64 * gibibyte,
		}, {
			Name: subject.Calls, Description: "history of every call and its analyses",
			Subjects: []string{subject.All(subject.NounCall), subject.All(subject.NounAlert)}, MaxBytes: 64 * gibibyte,
		}, {
			Name: subject.Keys, Description: "provider keys, secrets sealed",
			Subjects: []string{subject.All(subject.NounKey)}, PerSubject: 1, MaxBytes: 256 * mebibyte,
		}, {
			Name: subject.Prompts, Description: "prompts and their order",
			Subjects: []string{subject.All(subject.NounPrompt)}, PerSubject: 50, Batches: true, MaxBytes: gibibyte,
		}, {
			Name: subject.Access, Description: "accounts, tokens, logins",
			Subjects: []string{
				subject.All(subject.NounAccount), subject.All(subject.NounToken), subject.All(subject.NounLogin),
			},
			PerSubject: 1, TTL: true, MaxBytes: gibibyte,
		}, {
			Name: subject.Leases, Description: "who may be the only one",
			Subjects: []string{subject.All(subject.NounLease)}, PerSubject: 1, TTL: true, Memory: true,
			MaxBytes: 64 * mebibyte, MaxAge: 24 * time.Hour,
		}, {
			Name: subject.Seen, Description: "how far each account has read",
			Subjects: []string{subject.All(subject.NounSeen)}, PerSubject: 1, MaxBytes: gibibyte,
		}, {
			Name: subject.Audit, Description: "one record of each change that somebody may have to answer for",
			Subjects: []string{subject.All(subject.NounAudit)}, Permanent: true, MaxBytes: 4 * gibibyte,
		}, {
			// A replica whose increment got no answer repeats it, and over a restart the server knows it by what it still
			// has: so much may others have counted meanwhile. What is full forgets the months long past.
			Name: subject.Meters, Description: "answers of the compatible transcript API, by month",
			Subjects: []string{subject.All(subject.NounMeter)}, Counters: true, PerSubject: 1000, MaxBytes: gibibyte,
		}, {
			Name: subject.Inbox, Description: "what publishers sent and nobody has taken in yet",
			Subjects: []string{subject.All(subject.NounInbox)}, WorkQueue: true, MaxBytes: 4 * gibibyte,
		}, {
			Name: subject.Dead, Description: "what was given up on, and why",
			Subjects: []string{subject.All(subject.NounDead)}, MaxBytes: 4 * gibibyte, MaxAge: 30 * 24 * time.Hour,
		},
	}
}
