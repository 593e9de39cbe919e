package telemetrytest

import (
	"context"
	"net/http"
	"net/http/httptest"
)

// Scrape reads a page of metrics as Prometheus would; "" when it cannot be had.
func Scrape(ctx context.Context, page http.Handler) string {
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		return ""
	}
	return w.Body.String()
}
