package console

import (
	"maps"
	"net/http"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// created answers a POST that made something: where it is and what it is.
func created(w http.ResponseWriter, location, position string, v any) error {
	w.Header().Set("Location", location)
	edge.SetPosition(w, position)
	return edge.Encode(w, http.StatusCreated, v)
}

func found(w http.ResponseWriter, position string, v any) error {
	edge.SetPosition(w, position)
	return edge.Encode(w, http.StatusOK, v)
}

// listed answers with a list under its plural, and with what else there is to say beside it.
func listed(w http.ResponseWriter, position, plural string, list any, beside map[string]any) error {
	out := map[string]any{plural: list}
	maps.Copy(out, beside)
	if _, ok := out["nextPageToken"]; !ok {
		out["nextPageToken"] = ""
	}
	return found(w, position, out)
}

func deleted(w http.ResponseWriter, position string, err error) error {
	if err != nil {
		return err
	}
	edge.SetPosition(w, position)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// convert makes a list that is never null.
func convert[A, B any](in []A, one func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, a := range in {
		out = append(out, one(a))
	}
	return out
}

// revisionOf reads ?revision=; 0 when it is absent.
func revisionOf(r *http.Request) (uint32, error) {
	return number("revision", r.URL.Query().Get("revision"))
}

func revisionRequired() error {
	return fault.New(fault.Invalid, "REVISION_REQUIRED", fault.Field("revision"))
}
