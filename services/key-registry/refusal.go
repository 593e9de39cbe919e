package keys

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/services/internal/llm"
)

// Reasons for which a provider refuses a key: the parameter `reason` of KEY_REFUSED, for which the catalogue has a title
// and what to do. The field at fault is told beside it.
const (
	reasonKey          = "key"          // secret: not known
	reasonDeactivated  = "deactivated"  // secret: its account is closed
	reasonScope        = "scope"        // secret: may not do what is needed
	reasonCredit       = "credit"       // secret: nothing left to spend
	reasonIP           = "ip"           // secret: may not be used from here
	reasonOrganization = "organization" // organizationId
	reasonProject      = "project"      // projectId
	reasonModel        = "model"        // model: not there
	reasonAccess       = "access"       // model: not for this project
	reasonDeployment   = "deployment"   // deployment, or the model that is its name: not there
	reasonTooSmall     = "too_small"    // model: its limit is below one tiny question
	reasonParameter    = "parameter"    // model: does not take what every analysis needs
	reasonVersion      = "version"      // apiVersion: not known
	reasonEndpoint     = "endpoint"     // baseUrl: no AI service there
	reasonAddress      = "address"      // baseUrl: must not be called
	reasonRegion       = "region"       // baseUrl: not served from this country
)

// RefusalReasons are all reasons, for the catalogue's test.
func RefusalReasons() []string {
	return []string{
		reasonKey, reasonDeactivated, reasonScope, reasonCredit, reasonIP, reasonOrganization, reasonProject, reasonModel,
		reasonAccess, reasonDeployment, reasonTooSmall, reasonParameter, reasonVersion, reasonEndpoint, reasonAddress,
		reasonRegion,
	}
}

// refused turns a provider's no into ours: KEY_REFUSED with the field at fault, the reason and the provider's own words,
// or KEY_UNREACHABLE when it was the network or the provider's own trouble.
func refused(err error, d Draft) error {
	e, ok := errors.AsType[*llm.Error](err)
	if !ok {
		return err
	}
	said := fault.FromProvider(fault.Provider{
		Status: e.Status, Code: e.Code, Message: e.Message, RequestID: e.RequestID,
	})
	switch e.Class { //nolint:exhaustive // the others are refusals
	case llm.ClassRetryBackoff, llm.ClassTimeout, llm.ClassInterrupted, llm.ClassRetryAfter, llm.ClassRampDown:
		return fault.New(fault.Unavailable, "KEY_UNREACHABLE", said, fault.RetryIn(max(e.RetryAfter, time.Second)))
	}
	field, reason := blame(e, d)
	return fault.New(fault.Unprocessable, "KEY_REFUSED", fault.Field(field), fault.Param("reason", reason), said)
}

// fromHere finds what is said of a list of addresses that a key may be used from.
var fromHere = regexp.MustCompile(`\bip\b.*(not authorized|allowlist|allow list)|not authorized.*\bip\b`)

// blame finds the field at fault and the reason, by the provider's code first and then by its words: codes are few and
// some refusals have none, and a status says too little (401 is a wrong key as well as a wrong organisation).
func blame(e *llm.Error, d Draft) (field, reason string) {
	if field, reason = blameCode(e, d); field != "" {
		return field, reason
	}
	message := strings.ToLower(e.Message)
	switch {
	case strings.Contains(message, "missing scopes"), strings.Contains(message, "insufficient permissions"):
		return "secret", reasonScope
	case strings.Contains(message, "no such organization"):
		return d.organizationOrKey()
	case strings.Contains(message, "openai-project"):
		return "projectId", reasonProject
	case fromHere.MatchString(message):
		return "secret", reasonIP
	case d.APIVersion != "" && strings.Contains(strings.ReplaceAll(message, "-", " "), "api version"):
		return "apiVersion", reasonVersion
	case e.Class == llm.ClassAuth:
		return "secret", reasonKey
	case strings.Contains(message, "not a chat model"):
		return d.modelField(), reasonParameter
	case e.Status == http.StatusNotFound && strings.Contains(message, "model"):
		return "model", reasonModel
	case e.Status == http.StatusNotFound, e.Status == http.StatusMethodNotAllowed, e.Class == llm.ClassUnknown:
		return "baseUrl", reasonEndpoint
	}
	return d.modelField(), reasonParameter
}

// blameCode goes by class and code alone; "" when they say nothing of a field. Codes of spent limits name the
// organisation or project that is right, so credit comes first.
func blameCode(e *llm.Error, d Draft) (field, reason string) {
	switch {
	case e.Class == llm.ClassConfig && e.Status == 0:
		return "baseUrl", reasonAddress
	case e.Class == llm.ClassBilling:
		return "secret", reasonCredit
	case e.Class == llm.ClassNeverFits:
		return d.modelField(), reasonTooSmall
	case e.Code == "model_not_found" && e.Status == http.StatusForbidden:
		return d.modelField(), reasonAccess
	case e.Code == "model_not_found":
		return d.modelField(), reasonModel
	case e.Code == "DeploymentNotFound":
		return d.modelField(), reasonDeployment
	case e.Code == "account_deactivated":
		return "secret", reasonDeactivated
	case strings.Contains(e.Code, "country"):
		return "baseUrl", reasonRegion
	case strings.Contains(e.Code, "organization"):
		return d.organizationOrKey()
	case strings.Contains(e.Code, "project"):
		return "projectId", reasonProject
	}
	return "", ""
}

// organizationOrKey is the field to correct when the organisation is wrong: where none was entered, it is the key's own.
func (d Draft) organizationOrKey() (field, reason string) {
	if d.OrganizationID == "" {
		return "secret", reasonOrganization
	}
	return "organizationId", reasonOrganization
}

// modelField is the field that names what is asked.
func (d Draft) modelField() string {
	if d.Deployment != "" {
		return "deployment"
	}
	return "model"
}
