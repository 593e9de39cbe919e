package console

import (
	"embed"
	"io/fs"
	"net/http"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// web is the screen: no build step, no dependency, nothing inline, so that the policy below can be strict.
//
//go:embed web
var web embed.FS

const contentPolicy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"

func (s *Service) mountScreen(mux *http.ServeMux) {
	mux.Handle(textsPath, http.HandlerFunc(s.texts))
	files, err := fs.Sub(web, "web")
	if err != nil {
		s.Logger.Error("the screen is not in this binary", "error", err)
		return
	}
	serve := http.FileServerFS(files)
	mux.Handle(screenPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		serve.ServeHTTP(w, r)
	}))
}

// texts serves the catalogue of a language, e.g. /texts/ja.json.
func (s *Service) texts(w http.ResponseWriter, r *http.Request) {
	for _, locale := range []string{"ja", "en", "pt-BR"} {
		if r.PathValue("locale") != locale+".json" {
			continue
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(s.Texts.JSON(locale))
		return
	}
	http.NotFound(w, r)
}

// notServed answers what the API does not have with a problem document, not with the screen.
func notServed(_ http.ResponseWriter, r *http.Request) error {
	return fault.New(fault.NotFound, "NOT_FOUND", fault.Param("path", r.URL.Path))
}
