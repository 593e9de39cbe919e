package keys

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// Limits of a key's fields, in characters where text is meant.
const (
	maxName    = 255
	maxSecret  = 200
	maxField   = 255
	maxMemo    = 500
	maxURL     = 2000
	maxVersion = 40
	maxOutput  = 1_000_000
)

// Draft is what people set of a key.
type Draft struct {
	Kind, Name, Secret        string
	OrganizationID, ProjectID string
	BaseURL, Model            string
	// Deployment and APIVersion are Azure's; with an APIVersion its older paths are asked.
	Deployment, APIVersion string
	MaxOutputTokens        int32
	Memo                   string
}

// defaults are what a field means that is left empty.
type defaults struct{ baseURL, model string }

// normal brings a draft into the form that is stored. White space around a pasted secret belongs to the pasting. Only a
// key of OpenAI has defaults: what is entered for another server must never go to OpenAI because a field was left empty.
func (d Draft) normal(def defaults) (Draft, error) {
	for _, text := range []*string{
		&d.Secret, &d.OrganizationID, &d.ProjectID, &d.Model, &d.BaseURL, &d.Deployment, &d.APIVersion,
	} {
		*text = strings.TrimSpace(*text)
	}
	d.Name, d.Memo, d.Model = chars.Normal(d.Name), chars.Normal(d.Memo), chars.Normal(d.Model)
	d.Deployment = chars.Normal(d.Deployment)
	err := cmp.Or(
		chars.OneOf("kind", d.Kind, KindOpenAI, KindAzure, KindCompatible),
		chars.OneLine("baseUrl", d.BaseURL, 0, maxURL),
	)
	if err != nil {
		return d, err
	}
	switch d.Kind {
	case KindOpenAI:
		d.BaseURL, d.Model = cmp.Or(d.BaseURL, def.baseURL), cmp.Or(d.Model, def.model)
		d.BaseURL, err = normalURL(d.BaseURL)
	case KindAzure:
		d, err = d.azure()
	default:
		d.BaseURL, err = requiredURL(d.BaseURL)
	}
	return d, err
}

// pasted is the path of the address that Azure's own pages show to be copied.
var pasted = regexp.MustCompile(`^(.*?)/openai/deployments/([^/]+)/chat/completions/?$`)

// azure reads what Azure's pages give to copy: the resource's root, its v1 endpoint, or the whole address of a deployment
// with its api-version. Without an api-version the v1 endpoint is meant.
func (d Draft) azure() (Draft, error) {
	if u, err := url.Parse(d.BaseURL); err == nil {
		if m := pasted.FindStringSubmatch(u.Path); m != nil {
			d.Deployment, d.APIVersion = cmp.Or(d.Deployment, m[2]), cmp.Or(d.APIVersion, u.Query().Get("api-version"))
			u.Path, u.RawPath, u.RawQuery = m[1], "", ""
			d.BaseURL = u.String()
		}
	}
	base, err := requiredURL(d.BaseURL)
	if err != nil {
		return d, err
	}
	root, v1 := strings.CutSuffix(base, "/openai/v1")
	switch {
	case v1 && d.APIVersion != "":
		return d, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("apiVersion"),
			fault.Param("reason", "v1_has_none"))
	case d.APIVersion != "":
		d.BaseURL = strings.TrimSuffix(base, "/openai")
	case v1 || !atRoot(base):
		d.BaseURL = base
	default:
		d.BaseURL = strings.TrimSuffix(root, "/openai") + "/openai/v1"
	}
	if d.APIVersion != "" {
		d.Deployment = cmp.Or(d.Deployment, d.Model)
	}
	d.Model = cmp.Or(d.Model, d.Deployment)
	return d, nil
}

// atRoot tells whether an address names a resource of Azure and no path that somebody has set up in front of one.
func atRoot(base string) bool {
	u, err := url.Parse(base)
	return err == nil && (u.Path == "" || u.Path == "/openai")
}

func requiredURL(text string) (string, error) {
	if text == "" {
		return "", fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("baseUrl"), fault.Param("min", "1"))
	}
	return normalURL(text)
}

// apiVersion is a day, maybe of a preview.
var apiVersion = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-preview)?$`)

// check applies the rules that need only the draft: name 1-255 characters, secret 1-200, organisation, project, model and
// deployment at most 255, memo at most 500, output 0 to 1,000,000 tokens; what a kind does not have is empty. The fault
// names the field, never the secret.
func (d Draft) check() error {
	checks := []error{
		chars.OneLine("name", d.Name, 1, maxName),
		chars.OneLine("secret", d.Secret, 1, maxSecret),
		chars.OneLine("organizationId", d.OrganizationID, 0, maxField),
		chars.OneLine("projectId", d.ProjectID, 0, maxField),
		chars.OneLine("model", d.Model, 1, maxField),
		chars.OneLine("deployment", d.Deployment, 0, maxField),
		chars.OneLine("apiVersion", d.APIVersion, 0, maxVersion),
		chars.Limit("memo", d.Memo, 0, maxMemo),
		printable("secret", d.Secret), printable("organizationId", d.OrganizationID), printable("projectId", d.ProjectID),
		d.ofItsKind(),
	}
	if d.APIVersion != "" && !apiVersion.MatchString(d.APIVersion) {
		checks = append(checks, invalid("apiVersion", "no_day"))
	}
	if d.MaxOutputTokens < 0 || d.MaxOutputTokens > maxOutput {
		checks = append(checks, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("maxOutputTokens"),
			fault.Param("allowed", fmt.Sprintf("0-%d", maxOutput))))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// ofItsKind refuses what a kind's server would never be told: ignored in silence, it would look as if it worked.
func (d Draft) ofItsKind() error {
	azure := d.Kind == KindAzure
	for _, f := range []struct {
		name, value string
		has         bool
	}{
		{"deployment", d.Deployment, azure}, {"apiVersion", d.APIVersion, azure},
		{"organizationId", d.OrganizationID, !azure}, {"projectId", d.ProjectID, !azure},
	} {
		if f.value != "" && !f.has {
			return invalid(f.name, "not_of_this_kind")
		}
	}
	return nil
}

func invalid(field, reason string) error {
	return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field), fault.Param("reason", reason))
}

// printable refuses what cannot travel in an HTTP header: anything but visible ASCII.
func printable(field, value string) error {
	for _, r := range value {
		if r <= ' ' || r > '~' {
			return invalid(field, "not_ascii")
		}
	}
	return nil
}
