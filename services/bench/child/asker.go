package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"sync"
	"time"
)

// Ask is a whole order for a child that asks by HTTP: how, and what must come.
type Ask struct {
	URL string `json:"url"`
	// Authorizations are used in turns, one by each connection.
	Authorizations []string `json:"authorizations"`
	// Size and Sum are of the body that must come, in bytes, and as [Sum] has it.
	Size int    `json:"size"`
	Sum  uint32 `json:"sum"`
}

// Sum tells two bodies apart. It is one that the processor has an instruction for, so that checking costs the client
// little.
func Sum(body []byte) uint32 { return crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) }

// asker asks as fast as its connections can, one question after the other on each.
type asker struct{ transport *http.Transport }

func openAsker() *asker {
	return &asker{&http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1000}}
}

// carryOut asks over so many connections as the order says. Anything but a 200 with the body that is wanted is an error.
func (a *asker) carryOut(ctx context.Context, o Order) Answer {
	if o.Ask == nil || o.Each < 1 || len(o.Ask.Authorizations) == 0 {
		return Answer{Error: "nothing to ask"}
	}
	counts, failed := make([]int, o.Each), make([]error, o.Each)
	end := time.Now().Add(time.Duration(o.Seconds * float64(time.Second)))
	var group sync.WaitGroup
	for c := range o.Each {
		group.Go(func() {
			var body bytes.Buffer
			for failed[c] == nil && time.Now().Before(end) {
				failed[c] = a.once(ctx, *o.Ask, c, &body)
				counts[c]++
			}
		})
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		return Answer{Error: err.Error()}
	}
	n := 0
	for _, c := range counts {
		n += c
	}
	return Answer{Operations: n}
}

func (a *asker) once(ctx context.Context, ask Ask, caller int, body *bytes.Buffer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ask.URL, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", ask.Authorizations[caller%len(ask.Authorizations)])
	res, err := a.transport.RoundTrip(req)
	if err != nil {
		return err
	}
	body.Reset()
	_, err = io.Copy(body, res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || body.Len() != ask.Size || Sum(body.Bytes()) != ask.Sum {
		return fmt.Errorf("status %d with %d bytes, want 200 with %d that are others", res.StatusCode, body.Len(), ask.Size)
	}
	return nil
}

func (a *asker) operation(context.Context, int) error { return errors.New("what is to be asked?") }

func (a *asker) close(context.Context) error {
	a.transport.CloseIdleConnections()
	return nil
}
