package chars

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Limit checks the length of a field. FIELD_REQUIRED when it is shorter than least (white space alone counts as
// empty), FIELD_TOO_LONG when longer than most; the fault names the field, the limit and the length.
func Limit(field, value string, least, most int) error {
	n := Count(value)
	if least > 0 && (n < least || strings.TrimSpace(value) == "") {
		return fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field(field),
			fault.Param("min", strconv.Itoa(least)))
	}
	if n > most {
		return fault.New(fault.Unprocessable, "FIELD_TOO_LONG", fault.Field(field),
			fault.Param("limit", strconv.Itoa(most)), fault.Param("length", strconv.Itoa(n)))
	}
	return nil
}

// OneLine is Limit for names and ids, in which control characters are FIELD_INVALID.
func OneLine(field, value string, least, most int) error {
	if err := Limit(field, value, least, most); err != nil {
		return err
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field),
			fault.Param("reason", "control_character"))
	}
	return nil
}

// OneOf checks that a field has one of the allowed values; FIELD_INVALID lists them.
func OneOf(field, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field),
		fault.Param("allowed", strings.Join(allowed, ", ")))
}
