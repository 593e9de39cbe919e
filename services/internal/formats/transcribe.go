package formats

import (
	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// vendorTranscribe is what utterances from Amazon Transcribe name.
const vendorTranscribe = "Amazon Transcribe"

// detectTranscribe knows the output of Call Analytics and of Contact Lens, which analyses calls of Amazon Connect.
func detectTranscribe(raw []byte) bool {
	m := members(raw)
	return m["Transcript"] == '[' && (m["Participants"] == '[' || m["JobStatus"] == '"' || m["ConversationCharacteristics"] == '{') ||
		m["JobStatus"] == '"' && m["JobName"] == '"'
}

// parseTranscribe reads the turns. A job that is not completed is refused. Sentiment, categories and the rest of the
// analysis are not taken over: they are another product's opinion of the call.
func parseTranscribe(raw []byte, n *notes) (*Call, error) {
	root, err := decode(raw, n)
	if err != nil {
		return nil, err
	}
	b := build(n)
	transcribeStatus(root)
	b.call.ID = root.get("JobName").line("call.id")
	if contact := root.get("CustomerMetadata").get("ContactId"); contact.there() {
		b.call.ID = contact.line("call.id")
		b.labelOf(root.get("JobName"), "job")
	}
	b.labelOf(root.get("LanguageCode"), "lang")
	b.labelOf(root.get("Channel"), "channel")
	roles := transcribeRoles(root)
	turns := root.get("Transcript")
	if !turns.is(list) && n.err == nil {
		turns.wrong("list")
	}
	b.call.silent = turns.is(list)
	for _, t := range turns.elements() {
		transcribeTurn(b, t, roles)
	}
	root.noPlace("AccountId", "Categories", "ConversationCharacteristics", "ContentMetadata", "ContactSummary", "JobDetails")
	for _, name := range []string{"CustomerMetadata", "Version", "Media"} {
		aboutFile(root.get(name))
	}
	return b.done(), nil
}

// aboutFile claims what is left of a value that tells of the file, not of the call.
func aboutFile(v value) {
	switch {
	case v.node == nil || v.node.claimed:
		return
	case !touched(v.node):
		v.ignored(noteContainer)
		return
	}
	for _, m := range v.members() {
		aboutFile(m)
	}
}

func transcribeStatus(root value) {
	switch status := root.get("JobStatus"); status.raw() {
	case "":
	case "COMPLETED":
		status.ignored(noteContainer)
	case "FAILED":
		said, _ := oneLine(root.get("FailureReason").raw())
		status.fail("RECOGNITION_FAILED", fault.Param("message", said))
	default:
		status.fail("RECOGNITION_UNFINISHED", fault.Param("status", status.raw()))
	}
}

// transcribeRoles are the roles of participants by their ids; Call Analytics has no ids, and names the role in the turn.
func transcribeRoles(root value) map[string]string {
	out := map[string]string{}
	for _, p := range root.get("Participants").elements() {
		id, role := p.get("ParticipantId"), p.get("ParticipantRole")
		if id.raw() == "" {
			role.ignored(noteRestated)
			continue
		}
		out[id.raw()] = role.raw()
		id.understood("utterances[*].speaker")
		role.understood("utterances[*].speaker")
	}
	return out
}

func transcribeTurn(b *builder, t value, roles map[string]string) {
	if !t.is(object) {
		t.wrong("object")
		return
	}
	u := &transcriptv1.NewUtterance{
		UtteranceId: t.get("Id").line(b.to("utteranceId")),
		Text:        t.get("Content").str(b.to("text")),
		Vendor:      vendorTranscribe,
	}
	who := t.either("ParticipantRole", "ParticipantId")
	u.Speaker = b.who(who, roles[who.raw()])
	u.StartSec, u.DurationSec = b.span(t.get("BeginOffsetMillis"), t.get("EndOffsetMillis"), milli)
	finer(t.get("Items"))
	t.noPlace("Sentiment", "LoudnessScores", "LoudnessScore", "Redaction", "IssuesDetected", "ActionItemsDetected",
		"OutcomesDetected", "PointsOfInterest")
	b.say(t.path(), u)
}
