package ingest

import (
	"fmt"
	"strconv"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// settingBucket holds the newest state of settings: tenant, 0, name -> SettingEvent.
const settingBucket = "settings"

// voiceLogSetting is the name of the setting that says how the compatible API behaves.
const voiceLogSetting = "voice_log"

// Limits of that setting, and what holds where nobody has set anything.
const (
	maxBurst         = 10_000
	maxMonthly       = 1_000_000_000
	defaultBurstRate = 10
	defaultBurst     = 20
	defaultMonthly   = 100_000
)

func settingKey(tenant, name string) []byte { return []byte(tenant + "\x00" + name) }

// applySetting keeps the settings of tenants. What the log remembers about itself lies in the same stream and is none.
func applySetting(tx *view.Tx, m stream.Message) error {
	noun, tenant, rest, ok := subject.Parse(m.Subject)
	if !ok || noun != subject.NounSetting || len(rest) != 1 {
		return nil
	}
	return tx.Put(settingBucket, settingKey(tenant, rest[0]), m.Data)
}

// readVoiceLogSetting is a tenant's setting as it was set last, empty when it never was.
func readVoiceLogSetting(tx *view.Tx, tenant string) (*eventv1.VoiceLogSetting, error) {
	var event eventv1.SettingEvent
	if err := proto.Unmarshal(tx.Get(settingBucket, settingKey(tenant, voiceLogSetting)), &event); err != nil {
		return nil, fmt.Errorf("ingest: view: %s: %w", settingBucket, err)
	}
	if event.GetVoiceLog() == nil {
		return &eventv1.VoiceLogSetting{}, nil
	}
	return event.GetVoiceLog(), nil
}

// decodedSettings keeps what tenants' settings were decoded to, with the bytes: as long as the view has the same, nothing is
// decoded again, and as long as it has not changed at all, nothing is read. There are as many as tenants that ask.
type decodedSettings struct {
	mu      sync.RWMutex
	tenants map[string]decodedSetting
}

type decodedSetting struct {
	state int // of the view that had it last
	raw   string
	set   *transcriptv1.VoiceLogSettings // never changed
}

// read is how a tenant's compatible API behaves. The answer belongs to all who read it.
func (d *decodedSettings) read(tx *view.Tx, tenant string) (*transcriptv1.VoiceLogSettings, error) {
	d.mu.RLock()
	kept := d.tenants[tenant]
	d.mu.RUnlock()
	if kept.set != nil && kept.state == tx.State() {
		return kept.set, nil
	}
	raw := tx.Get(settingBucket, settingKey(tenant, voiceLogSetting))
	if kept.set == nil || kept.raw != string(raw) {
		set, err := readVoiceLogSetting(tx, tenant)
		if err != nil {
			return nil, err
		}
		kept = decodedSetting{raw: string(raw), set: settingsOf(set)}
	}
	kept.state = tx.State()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tenants == nil {
		d.tenants = map[string]decodedSetting{}
	}
	d.tenants[tenant] = kept
	return kept.set, nil
}

// settingsOf fills in what nobody has set.
func settingsOf(set *eventv1.VoiceLogSetting) *transcriptv1.VoiceLogSettings {
	return &transcriptv1.VoiceLogSettings{
		Revision: set.GetRevision(), Enabled: or(set.Enabled, true),
		BurstRate: or(set.BurstRate, defaultBurstRate), Burst: or(set.Burst, defaultBurst),
		MonthlyRequests: or(set.MonthlyRequests, defaultMonthly), MonthlyObjects: or(set.MonthlyObjects, defaultMonthly),
	}
}

func or[T any](set *T, otherwise T) T {
	if set == nil {
		return otherwise
	}
	return *set
}

// changeVoiceLog is a setting with what a request sets in it. REVISION_STALE when it is not at the revision that the
// request is based on (0: nobody has set anything), FIELD_INVALID for a number out of its bounds.
func changeVoiceLog(
	old *eventv1.VoiceLogSetting, req *transcriptv1.UpdateVoiceLogSettingsRequest,
) (*eventv1.VoiceLogSetting, error) {
	if req.GetRevision() != old.GetRevision() {
		return nil, fault.New(fault.Conflict, "REVISION_STALE", fault.Field("revision"),
			fault.Param("revision", strconv.FormatUint(uint64(old.GetRevision()), 10)))
	}
	err := first([]error{
		within("burstRate", req.BurstRate, 1, maxBurst), within("burst", req.Burst, 1, maxBurst),
		within("monthlyRequests", req.MonthlyRequests, 0, maxMonthly),
		within("monthlyObjects", req.MonthlyObjects, 0, maxMonthly),
	})
	if err != nil {
		return nil, err
	}
	out := proto.CloneOf(old)
	proto.Merge(out, &eventv1.VoiceLogSetting{
		Enabled: req.Enabled, BurstRate: req.BurstRate, Burst: req.Burst,
		MonthlyRequests: req.MonthlyRequests, MonthlyObjects: req.MonthlyObjects,
	})
	out.Revision = old.GetRevision() + 1
	return out, nil
}

// within checks a number that a request may leave out.
func within[T uint32 | uint64](field string, v *T, least, most T) error {
	if v == nil || *v >= least && *v <= most {
		return nil
	}
	return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field),
		fault.Param("allowed", fmt.Sprintf("%d-%d", least, most)))
}
