package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/kikigaki/kikigaki/services/bench/child"
)

const (
	// spokenCall is the call that is read, spokenWords how many utterances it has.
	spokenCall  = "bench-spoken"
	spokenWords = 200
	spokenPath  = "/public/api/v1/monitor/voice_log/" + spokenCall + "?format=json"
	// settledWithin is how long a counter may hold what was counted ahead of requests that did not come.
	settledWithin = 5 * time.Second
)

// Spoken makes a finished call, takes the limits of the compatible API away, and returns what it answers about it.
func (c *Client) Spoken(ctx context.Context) (p child.Page, ask child.Ask, err error) {
	type words struct {
		UtteranceID string  `json:"utteranceId"`
		Speaker     string  `json:"speaker"`
		Text        string  `json:"text"`
		Start       float64 `json:"startSec"`
		Duration    float64 `json:"durationSec"`
	}
	var all []words
	for i := range spokenWords {
		all = append(all, words{
			strconv.Itoa(i), []string{"agent", "customer"}[i%2],
			"お電話ありがとうございます。聞き書きサポートセンターの山田でございます。", float64(i) * 2.5, 2.25,
		})
	}
	err = errors.Join(
		c.Do(ctx, http.MethodPost, "/api/v1/calls/"+spokenCall+"/utterances", map[string]any{"utterances": all}, nil),
		c.Do(ctx, http.MethodPost, "/api/v1/calls/"+spokenCall+"/end", nil, nil),
		c.Do(ctx, http.MethodPatch, "/api/v1/settings/voice-log", map[string]any{
			"revision": 0, "burstRate": 10_000, "burst": 10_000, "monthlyRequests": 1_000_000_000, "monthlyObjects": 1_000_000_000,
		}, nil),
	)
	if err != nil {
		return p, ask, err
	}
	if err := c.awaitFolded(ctx); err != nil {
		return p, ask, err
	}
	p, err = c.page(ctx, c.url+spokenPath)
	return p, child.Ask{URL: c.url + spokenPath, Size: len(p.Body), Sum: child.Sum(p.Body)}, err
}

// awaitFolded waits until the call's words are where those of finished calls are: they come packed then.
func (c *Client) awaitFolded(ctx context.Context) error {
	for end := time.Now().Add(settledWithin); ; {
		packed := false
		err := c.send(ctx, http.MethodGet, spokenPath, nil, nil, func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") },
			func(r *http.Response) { packed = r.Header.Get("Content-Encoding") == "gzip" })
		if err != nil || packed {
			return err
		}
		if time.Now().After(end) {
			return errors.New("the call's words are not folded")
		}
		if err := wait(ctx, 10*lookEvery); err != nil {
			return err
		}
	}
}

// page is the answer about an address as it is without packing.
func (c *Client) page(ctx context.Context, url string) (p child.Page, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return p, err
	}
	req.Header.Set("Authorization", c.Authorization())
	req.Header.Set("Accept-Encoding", "identity")
	res, err := c.http.Do(req)
	if err != nil {
		return p, err
	}
	defer func() { _ = res.Body.Close() }()
	if p.Body, err = io.ReadAll(res.Body); err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", url, res.StatusCode, p.Body)
	}
	p.Header = res.Header
	p.Header.Del("Date")
	return p, err
}

// Authorization is the header that says who the client is.
func (c *Client) Authorization() string { return "Token " + c.token }

// Answered is how many answers of the compatible API the system has counted this month.
func (c *Client) Answered(ctx context.Context) (int, error) {
	var set struct {
		Requests int `json:"usedRequests"`
		Objects  int `json:"usedObjects"`
	}
	err := c.Do(ctx, http.MethodGet, "/api/v1/settings/voice-log", nil, &set)
	if err == nil && set.Requests != set.Objects {
		err = fmt.Errorf("%d requests and %d objects", set.Requests, set.Objects)
	}
	return set.Requests, err
}
