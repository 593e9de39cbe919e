package fault

import "net/http"

// Kind sorts failures by what a program can do about them. The order is part of the contract: add at the end.
type Kind uint8

// Kinds of failures.
const (
	Other            Kind = iota // nothing is known
	Invalid                      // malformed: another request is needed
	Unauthenticated              // nobody is known to be calling
	Forbidden                    // who is calling may not do this
	NotFound                     // there is no such thing, or it is somebody else's
	Conflict                     // somebody else was first, or the state forbids it
	Gone                         // it was, and is erased
	TooLarge                     // beyond a limit of size
	Unprocessable                // well-formed, but breaks a rule
	TooMany                      // too often
	Unavailable                  // try again later
	DeadlineExceeded             // no answer in time
	Internal                     // a mistake of ours
	UnsupportedMedia             // a body in a format that is not spoken here
)

type kindInfo struct {
	name   string
	status int
}

func (k Kind) info() kindInfo {
	table := [...]kindInfo{
		Other: {"other", http.StatusInternalServerError}, Invalid: {"invalid", http.StatusBadRequest},
		Unauthenticated: {"unauthenticated", http.StatusUnauthorized}, Forbidden: {"forbidden", http.StatusForbidden},
		NotFound: {"not found", http.StatusNotFound}, Conflict: {"conflict", http.StatusConflict},
		Gone: {"gone", http.StatusGone}, TooLarge: {"too large", http.StatusRequestEntityTooLarge},
		Unprocessable:    {"unprocessable", http.StatusUnprocessableEntity},
		TooMany:          {"too many", http.StatusTooManyRequests},
		Unavailable:      {"unavailable", http.StatusServiceUnavailable},
		DeadlineExceeded: {"deadline exceeded", http.StatusGatewayTimeout},
		Internal:         {"internal", http.StatusInternalServerError},
		UnsupportedMedia: {"unsupported media", http.StatusUnsupportedMediaType},
	}
	if int(k) >= len(table) {
		return table[Other]
	}
	return table[k]
}

// known tells whether this version has the kind: a later one may have sent it.
func (k Kind) known() bool { return k <= UnsupportedMedia }

// String names the kind.
func (k Kind) String() string { return k.info().name }

// HTTPStatus is the status that the edge answers with.
func (k Kind) HTTPStatus() int { return k.info().status }
