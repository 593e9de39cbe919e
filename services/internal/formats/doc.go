// Package formats reads files of other products as calls, and writes calls as files.
//
// It knows neither the log nor HTTP: bytes go in, calls and findings come out. [Write] is the one way out, [Read] the
// one way in:
//
//	for doc, err := range formats.Read(file, formats.Options{Findings: true}) {
//		if err != nil {
//			return err // the file cannot be read to its end
//		}
//		if doc.Err != nil {
//			… // this document is refused; doc.Line and the fault's field name the place
//		}
//		… doc.Call, doc.Findings
//	}
//
// # What is promised
//
//   - Nothing of a file goes unmentioned: every member of it is in a finding, as understood, mapped, ignored or refused.
//   - What is accepted passes the checks of an append. What recognisers really produce is kept as it is: empty texts,
//     noise, overlaps, times that run backwards, any number of speakers. Order is the file's.
//   - The same file gives the same call with the same ids.
//   - What [Write] wrote, [Read] returns as it was.
//   - Time and memory are bounded by one document of 16 MiB and a million JSON values, findings by a thousand.
//
// # A new format
//
// A format is a line of the table in formats.go and a file with two functions. detect is given a whole document and
// should look no further than [members]. parse of a JSON format begins with decode, walks values and lets each say what
// became of it:
//
//	func parseExample(raw []byte, n *notes) (*Call, error) {
//		root, err := decode(raw, n)
//		if err != nil {
//			return nil, err
//		}
//		b := build(n)
//		b.call.Details.Queue = root.get("queue").line("call.queue") // claims the member; any text fits
//		for i, turn := range root.get("turns").elements() {
//			to := "utterances[" + strconv.Itoa(i) + "]."
//			b.say(turn.path(), &transcriptv1.NewUtterance{
//				Speaker:  turn.get("who").str(to + "speaker"), // anything but a string refuses the document
//				Text:     turn.get("text").str(to + "text"),
//				StartSec: turn.get("start").seconds(to + "startSec"),
//			})
//		}
//		return b.done(), nil
//	}
//
// What no value claimed is told as ignored when parse returns. A format that is no JSON tells the notes itself:
// n.understood, n.mapped and n.ignored take paths such as cues[3].text, and n.fail refuses. A number of another unit is
// a member for which the parser says so: raw gives the text, mapped the finding.
package formats
