package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// remote is where client commands find Kikigaki.
type remote struct {
	URL   string `env:"KIKIGAKI_URL"   default:"http://127.0.0.1:8080" help:"Where Kikigaki is."`
	Token string `env:"KIKIGAKI_TOKEN" required:""                     help:"API token."`
}

// problem is an error as the API tells it.
type problem struct {
	Title  string            `json:"title"`
	Status int               `json:"status"`
	Code   string            `json:"code"`
	Detail string            `json:"detail"`
	Field  string            `json:"field"`
	Params map[string]string `json:"params"`
	Pro    struct {
		Message string `json:"message"`
	} `json:"provider"`
}

// Error is one line for a terminal.
func (p *problem) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s (%s)", p.Title, p.Code)
	if p.Field != "" {
		text.WriteString(" field " + p.Field)
	}
	for k, v := range p.Params {
		fmt.Fprintf(&text, " %s=%s", k, v)
	}
	if p.Pro.Message != "" {
		text.WriteString(": " + p.Pro.Message)
	}
	return text.String()
}

// call makes one request; out may be nil.
func (r remote) call(ctx context.Context, method, path string, body, out any) error {
	var in io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(data)
	}
	return r.send(ctx, method, path, "application/json", in, out)
}

func (r remote) send(ctx context.Context, method, path, kind string, in io.Reader, out any) error {
	res, err := r.do(ctx, method, path, kind, in)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if out == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}

// fetch copies an answer.
func (r remote) fetch(ctx context.Context, path string, to io.Writer) error {
	res, err := r.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(to, res.Body)
	return err
}

// do makes one request; an answer that is an error is a problem.
func (r remote) do(ctx context.Context, method, path, kind string, in io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(r.URL, "/")+path, in)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Authorization", "Token "+r.Token)
	res, err := (&http.Client{}).Do(req) // as long as it takes: the person at the terminal can stop it
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusBadRequest {
		defer func() { _ = res.Body.Close() }()
		p := &problem{Status: res.StatusCode, Title: res.Status}
		_ = json.NewDecoder(res.Body).Decode(p)
		return nil, p
	}
	return res, nil
}
