package serve_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/kikigaki/kikigaki/pkg/serve"
)

// An HTTP server with limits, and a path that load balancers ask whether it can work.
func ExampleNewHTTP() {
	ctx := context.Background()
	var ready atomic.Bool
	mux := http.NewServeMux()
	mux.Handle("GET /readyz", serve.Health(func(context.Context) error {
		if !ready.Load() {
			return errors.New("reading the log: at 10 of 12")
		}
		return nil
	}))
	server := serve.NewHTTP(mux, nil)
	address, err := server.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func() {
		response, err := client.Get("http://" + address.String() + "/readyz")
		if err != nil {
			fmt.Println(err)
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		fmt.Println(response.StatusCode, strings.TrimSpace(string(body)), err)
	}
	get()
	ready.Store(true)
	get()
	fmt.Println(server.Stop(ctx))
	// Output:
	// 503 reading the log: at 10 of 12 <nil>
	// 200 ok <nil>
	// <nil>
}
