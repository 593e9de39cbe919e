package formats

import (
	"slices"
	"time"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// Format names what a file is written in, as requests and the command line name it.
type Format string

// The formats that are read. VCon and JSONL are written, too.
const (
	// VCon is the IETF's conversation container, the core draft of 2026 and the older 0.0.1.
	VCon Format = "vcon"
	// JSONL is a dialogue a line, this product's own; lines may also be vCons.
	JSONL Format = "jsonl"
	// Amivoice is what AmiVoice's recognition returns, over WebSocket or asynchronous HTTP.
	Amivoice Format = "amivoice"
	// AmazonTranscribe is the output of Amazon Transcribe Call Analytics and of Contact Lens.
	AmazonTranscribe Format = "amazon-transcribe"
	// Deepgram is Deepgram's answer to a recorded file.
	Deepgram Format = "deepgram"
	// Twilio is a page of sentences of Twilio Conversational Intelligence.
	Twilio Format = "twilio"
	// OpenAI is the verbose_json of OpenAI's transcriptions.
	OpenAI Format = "openai"
	// WebVTT is the W3C's text tracks; voice spans name speakers.
	WebVTT Format = "webvtt"
	// VoiceLog is the answer of the compatible transcript API.
	VoiceLog Format = "voice_log"
)

// Limits of what is read. A call that passes them passes the checks of an append, too.
const (
	maxDocument   = 16 << 20 // bytes of a document
	maxLine       = 4 << 20  // bytes of a line of a JSONL file
	maxText       = 16 << 10 // bytes of one utterance
	maxUtterances = 20_000   // of one call
	maxID         = 255      // code points of an id, a speaker, a vendor, a detail, a label's name and its value
	maxLabels     = 32       // of one call
	maxLinks      = 32       // of one call
)

// Info is what people are told about a format.
type Info struct {
	// Name is what a request or a command names.
	Name Format
	// Title is the product's or the standard's own name, the same in every language.
	Title string
	// Experimental formats have no licensed sample of a real recogniser behind their tests.
	Experimental bool
	// Extensions of files, with the dot; the usual one first.
	Extensions []string
}

// Formats are all formats that can be read.
func Formats() []Info {
	var out []Info
	for _, e := range table() {
		out = append(out, e.Info)
	}
	return out
}

// Call is one call as a file tells it.
type Call struct {
	// ID is the file's own, else [Options.CallID], else made from the content.
	ID string
	// Details are what the file says about the call; never nil.
	Details *transcriptv1.CallDetails
	// Utterances are in the file's order, also where their times run backwards. Empty only where the file says that
	// nothing was said, as of a call that nobody took.
	Utterances []*transcriptv1.NewUtterance
	// EndedAt is zero when the file does not tell.
	EndedAt time.Time

	silent bool // the file says that nothing was said
}

// entry is a format with the functions that know it.
type entry struct {
	Info
	// detect tells whether a whole document (UTF-8, no byte order mark) looks like this format. It is asked in the
	// table's order, so that the more telling formats come first, and must be quick: members() rather than decode().
	detect func(raw []byte) bool
	// parse reads a whole document and tells the notes what became of each member. It returns an error for what is not
	// this format at all, and gives notes.fail a fault that leaves the rest readable. An empty Call.ID means that the
	// format has none.
	parse func(raw []byte, n *notes) (*Call, error)
}

// table is the one list of formats. A new one is a line here, a file beside this one and a sample in testdata.
func table() []entry {
	return []entry{
		{Info{VCon, "IETF vCon", false, []string{".vcon", ".json"}}, detectVCon, parseVCon},
		{Info{JSONL, "JSON Lines", false, []string{".jsonl", ".ndjson"}}, detectJSONL, parseJSONL},
		{Info{VoiceLog, "Transcript API (voice_log)", false, []string{".json"}}, detectVoiceLog, parseVoiceLog},
		{Info{Amivoice, "AmiVoice", true, []string{".json", ".jsonl", ".log"}}, detectAmivoice, parseAmivoice},
		{Info{AmazonTranscribe, "Amazon Transcribe Call Analytics, Contact Lens", false, []string{".json"}}, detectTranscribe, parseTranscribe},
		{Info{Deepgram, "Deepgram", false, []string{".json"}}, detectDeepgram, parseDeepgram},
		{Info{Twilio, "Twilio Conversational Intelligence", false, []string{".json"}}, detectTwilio, parseTwilio},
		{Info{OpenAI, "OpenAI verbose_json", false, []string{".json"}}, detectOpenAI, parseOpenAI},
		{Info{WebVTT, "WebVTT", false, []string{".vtt"}}, detectWebVTT, parseWebVTT},
	}
}

// find returns a format by its name.
func find(f Format) (entry, bool) {
	all := table()
	i := slices.IndexFunc(all, func(e entry) bool { return e.Name == f })
	if i < 0 {
		return entry{}, false
	}
	return all[i], true
}
