package ingest

import (
	"strings"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// Speaker types of the compatible API. There are no others.
const (
	typeOtherParty     = 1
	typeAgent          = 2
	typeOtherPartyLost = 4 // the recogniser could not be reached for the other party's words
	typeAgentLost      = 5
)

// speakerAgent is the speaker that publishers call the agent.
const speakerAgent = "agent"

// idsPerCall is how far apart the ids of two calls begin. A call has at most 20,000 entries.
const idsPerCall = 1 << 15

// voiceLine is an utterance as the compatible API shows it.
type voiceLine struct {
	*transcriptv1.Utterance

	id    int64
	order int64
}

// voiceLines reads a call's entries, in the order they came, as the compatible API shows them: each utterance once, as
// its newest correction says, in the order of recognition (resolve). Its order is the one that the publisher gave, else
// its place.
//
// The id is made of where the call was opened on the log and which entry of the call the utterance first was. Both
// stay as they are when a view is made anew, words are folded or corrected, and a backup is restored.
func voiceLines(opened uint64, entries []*eventv1.Entry) []voiceLine {
	entered := make(map[string]int, len(entries))
	for i, e := range entries {
		if _, known := entered[e.GetUtteranceId()]; !known {
			entered[e.GetUtteranceId()] = i + 1
		}
	}
	list := resolve(entries)
	out := make([]voiceLine, 0, len(list))
	for i, u := range list {
		l := voiceLine{u, int64(opened)*idsPerCall + int64(entered[u.GetUtteranceId()]), u.GetOrder()}
		if l.order <= 0 {
			l.order = int64(i) + 1
		}
		out = append(out, l)
	}
	return out
}

// speakerType is 2 and 5 for the agent, 1 and 4 for everybody else: a recogniser that tells more than two voices apart,
// or gives them names of its own, must not have the company say what somebody else said.
func speakerType(u *transcriptv1.Utterance) int {
	agent, lost := u.GetSpeaker() == speakerAgent, u.GetKind() == kindLost
	switch {
	case agent && lost:
		return typeAgentLost
	case lost:
		return typeOtherPartyLost
	case agent:
		return typeAgent
	}
	return typeOtherParty
}

// omnis is how the vendor begins whose words have voice_log_type 2.
const omnis = "OMNIS"

// voiceLogType is "2" for OMNIS and "1" for AmiVoice and everybody else.
func voiceLogType(vendor string) string {
	if len(vendor) >= len(omnis) && strings.EqualFold(vendor[:len(omnis)], omnis) {
		return "2"
	}
	return "1"
}
