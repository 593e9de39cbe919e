package ingest_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/serve"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// BenchmarkVoiceLog compares answers of the compatible API about 200 utterances, each of them counted, with a handler
// that has the same bytes at hand. Sixteen clients ask at once.
func BenchmarkVoiceLog(b *testing.B) {
	f := newBench(b)
	s := f.replica()
	var words []*eventv1.Entry
	for i := range 200 {
		words = append(words, &eventv1.Entry{
			UtteranceId: strconv.Itoa(i), Kind: "utterance", Speaker: []string{"agent", "customer"}[i%2], ReceivedAt: at("11:29:19"),
			Text: "お電話ありがとうございます。聞き書きサポートセンターの山田でございます。", StartSec: new(float64(i) * 2.5), DurationSec: new(2.25),
		})
	}
	f.speak("finished", words)
	f.speak("live", words)
	f.agree(s)
	if _, err := s.EndCall(editor(b), &transcriptv1.EndCallRequest{CallId: "finished"}); err != nil {
		b.Fatal(err)
	}
	f.agree(s)
	req := unhurried()
	req.BurstRate, req.MonthlyRequests, req.MonthlyObjects = proto.Uint32(10_000), proto.Uint64(1e9), proto.Uint64(1e9)
	set(b, s, "a", req)
	base := f.serve(s) + voiceLogPath
	body := []byte(f.voiceLog(http.MethodGet, base+"finished?format=json", reader).body)
	static := f.static(body)
	for _, c := range []struct{ name, address, encoding string }{
		{"static", static, ""},
		{"finished", base + "finished?format=json", ""},
		{"finished, packed", base + "finished?format=json", "gzip"},
		{"live", base + "live?format=json", ""},
		{"simple", base + "finished", ""},
	} {
		b.Run(c.name, func(b *testing.B) { ask(b, c.address, c.encoding) })
	}
}

// static serves bytes.
func (b *bench) static(body []byte) string {
	b.t.Helper()
	server := serve.NewHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	}), slog.New(slog.DiscardHandler))
	addr, err := server.Listen(b.t.Context(), "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = server.Stop(b.t.Context()) })
	return "http://" + addr.String()
}

// ask asks as fast as sixteen clients can, each with a token of its own, since each has a rate of its own.
func ask(b *testing.B, address, encoding string) {
	b.Helper()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	b.SetParallelism(8)
	before := processorTime(b)
	defer func() { b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op") }()
	b.RunParallel(func(pb *testing.PB) {
		for n := 0; pb.Next(); n++ {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, address, http.NoBody)
			if err != nil {
				b.Error(err)
				return
			}
			req.Header.Set("Authorization", fmt.Sprintf("Token a:account-%d:view", n%64))
			req.Header.Set("Accept-Encoding", encoding)
			res, err := client.Do(req)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode != http.StatusOK {
				b.Error(res.StatusCode)
				return
			}
		}
	})
}

// processorTime is what the process has computed so far, the log and the clients included, in nanoseconds: on a busy
// machine it says more than the clock.
func processorTime(b *testing.B) int64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}
