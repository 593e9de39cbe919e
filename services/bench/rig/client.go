package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Client uses the API with a token of its own.
type Client struct {
	url, token string
	http       *http.Client
}

// LogIn makes a client of the first administrator.
func LogIn(ctx context.Context, url string) (*Client, error) {
	c := &Client{url: url, http: &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 100},
	}}
	var cookie *http.Cookie
	body := map[string]string{"login": "admin", "password": Password}
	err := c.send(ctx, http.MethodPost, "/api/v1/session", body, nil, nil, func(r *http.Response) {
		if all := r.Cookies(); len(all) > 0 {
			cookie = all[0]
		}
	})
	if err != nil {
		return nil, err
	}
	if cookie == nil {
		return nil, errors.New("the log-in gave no session")
	}
	var made struct {
		Token string `json:"token"`
	}
	err = c.send(ctx, http.MethodPost, "/api/v1/tokens", map[string]string{"name": "bench"}, &made, func(r *http.Request) {
		r.AddCookie(cookie)
		r.Header.Set("X-Requested-With", "kikigaki")
	}, nil)
	c.token = made.Token
	return c, err
}

// Close gives the connections up.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do makes one request; body and out may be nil. Any answer but success is an error.
func (c *Client) Do(ctx context.Context, method, path string, body, out any) error {
	return c.send(ctx, method, path, body, out, nil, nil)
}

func (c *Client) send(
	ctx context.Context, method, path string, body, out any, dress func(*http.Request), look func(*http.Response),
) error {
	in, err := reader(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Token "+c.token)
	}
	if dress != nil {
		dress(req)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	if look != nil {
		look(res)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// reader makes a body: lines as they are, everything else as JSON.
func reader(body any) (io.Reader, error) {
	switch b := body.(type) {
	case nil:
		return http.NoBody, nil
	case []byte:
		return bytes.NewReader(b), nil
	}
	data, err := json.Marshal(body)
	return bytes.NewReader(data), err
}
