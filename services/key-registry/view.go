package keys

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// Buckets of the view.
const (
	keyBucket    = "keys"    // tenant, 0, key id -> KeySaved, its secret sealed
	promptBucket = "prompts" // tenant, 0, prompt id -> PromptSaved with id, name and key id alone
	changeBucket = "changes" // tenant, 0, key id -> AuditEvent, as its record has to be: of its newest change
	recordBucket = "records" // tenant, 0, key id -> AuditEvent with the sequence of its newest change that has a record
	viewFormat   = "2"
)

func key(tenant, id string) []byte { return []byte(tenant + "\x00" + id) }

// tenantOf is the tenant that a key of the view begins with.
func tenantOf(k []byte) string {
	tenant, _, _ := strings.Cut(string(k), "\x00")
	return tenant
}

// owned is a key and whose it is.
type owned struct {
	tenant string
	key    *eventv1.KeySaved
}

// readAll returns the keys of all tenants.
func readAll(tx *view.Tx) ([]owned, error) {
	var out []owned
	for k, value := range tx.Scan(keyBucket, nil, nil) {
		saved := &eventv1.KeySaved{}
		if err := proto.Unmarshal(value, saved); err != nil {
			return nil, fmt.Errorf("keys: view: %w", err)
		}
		out = append(out, owned{tenantOf(k), saved})
	}
	return out, nil
}

// readKeys returns a tenant's keys by kind and name.
func readKeys(tx *view.Tx, tenant string) ([]*eventv1.KeySaved, error) {
	var out []*eventv1.KeySaved
	for _, value := range tx.Scan(keyBucket, key(tenant, ""), nil) {
		saved := &eventv1.KeySaved{}
		if err := proto.Unmarshal(value, saved); err != nil {
			return nil, fmt.Errorf("keys: view: %w", err)
		}
		out = append(out, saved)
	}
	slices.SortFunc(out, func(a, b *eventv1.KeySaved) int {
		return cmp.Or(cmp.Compare(a.GetKind(), b.GetKind()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return out, nil
}

// users returns the names of the prompts that use a key.
func users(tx *view.Tx, tenant, id string) ([]string, error) {
	var names []string
	for _, value := range tx.Scan(promptBucket, key(tenant, ""), nil) {
		var p eventv1.PromptSaved
		if err := proto.Unmarshal(value, &p); err != nil {
			return nil, fmt.Errorf("keys: view: %w", err)
		}
		if p.GetKeyId() == id {
			names = append(names, p.GetName())
		}
	}
	slices.Sort(names)
	return names, nil
}
