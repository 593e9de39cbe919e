package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// dated is the end of a model's name that says of which day it is.
var dated = regexp.MustCompile(`-(\d{4}-\d{2}-\d{2}|\d{4})$`)

// family is what a provider's limit for a model is counted by: its name without the day, and of a fine-tuned model
// ("ft:gpt-x:org::id") the model it was made from.
func family(model string) string {
	if rest, ok := strings.CutPrefix(model, "ft:"); ok {
		model, _, _ = strings.Cut(rest, ":")
	}
	return dated.ReplaceAllString(model, "")
}

// lane names the one limit that a key draws on: where it is asked, the organisation and project as the provider told
// them, else as they were entered, else the key itself, and the model's family. Keys with an equal lane share it. It is
// a hash, because it becomes part of events and needs no reading. A key that no provider has accepted has a lane of its
// own: what was only entered would let anybody into the lane of others. Azure's limits are those of a deployment.
func lane(tenant, keyID string, d Draft, told learned) string {
	model := family(d.Model)
	switch {
	case told.at.IsZero():
		d.OrganizationID, d.ProjectID = "", ""
	case d.Kind == KindAzure:
		told.organization, model = "azure", "deployment "+firstOf(d.Deployment, d.Model)
	}
	organization := firstOf(told.organization, d.OrganizationID)
	project := firstOf(told.project, d.ProjectID)
	if organization == "" && project == "" {
		organization = tenant + "/" + keyID
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{d.BaseURL, organization, project, model}, "\x00")))
	return "lane-" + hex.EncodeToString(sum[:10])
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
