package ingest

import (
	"context"
	"net/http"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// GetVoiceLogSettings tells how the tenant's compatible API behaves; see the contract.
func (s *Service) GetVoiceLogSettings(
	ctx context.Context, _ *transcriptv1.GetVoiceLogSettingsRequest,
) (*transcriptv1.GetVoiceLogSettingsResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	out, err := s.usedSettings(ctx, caller.Tenant)
	return &transcriptv1.GetVoiceLogSettingsResponse{Settings: out}, err
}

// UpdateVoiceLogSettings changes it; see the contract.
func (s *Service) UpdateVoiceLogSettings(
	ctx context.Context, req *transcriptv1.UpdateVoiceLogSettingsRequest,
) (*transcriptv1.UpdateVoiceLogSettingsResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.commit(ctx, voiceLogGuard(caller.Tenant), func(tx *view.Tx) (*stream.Event, error) {
		old, err := readVoiceLogSetting(tx, caller.Tenant)
		if err != nil {
			return nil, err
		}
		changed, err := changeVoiceLog(old, req)
		if err != nil {
			return nil, err
		}
		return encode(subject.Setting(caller.Tenant, voiceLogSetting), &eventv1.SettingEvent{
			Meta: meta(caller), Kind: &eventv1.SettingEvent_VoiceLog{VoiceLog: changed},
		})
	})
	if err != nil {
		return nil, fault.Op("ingest.settings", err)
	}
	out, err := s.usedSettings(ctx, caller.Tenant)
	return &transcriptv1.UpdateVoiceLogSettingsResponse{Settings: out}, err
}

// usedSettings are a tenant's settings with what the month has used, as the log's leader has it.
func (s *Service) usedSettings(ctx context.Context, tenant string) (*transcriptv1.VoiceLogSettings, error) {
	out, err := s.voiceLogSettings(tenant)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s.quota.settle(ctx, meterOf(tenant, now))
	used, _, err := s.facts.Counter(ctx, subject.Meters, meterOf(tenant, now))
	if err != nil {
		return nil, err
	}
	out.Month = inJapan(now).Format("2006-01")
	out.UsedRequests = uint64(max(used, 0))
	out.UsedObjects = out.GetUsedRequests()
	return out, nil
}

// voiceLogJSON is how the compatible API behaves, as the API shows it.
type voiceLogJSON struct {
	Revision        uint32 `json:"revision"`
	Enabled         bool   `json:"enabled"`
	BurstRate       uint32 `json:"burstRate"`
	Burst           uint32 `json:"burst"`
	MonthlyRequests uint64 `json:"monthlyRequests"`
	MonthlyObjects  uint64 `json:"monthlyObjects"`
	Month           string `json:"month"`
	UsedRequests    uint64 `json:"usedRequests"`
	UsedObjects     uint64 `json:"usedObjects"`
}

func voiceLogJSONOf(v *transcriptv1.VoiceLogSettings) voiceLogJSON {
	return voiceLogJSON{
		Revision: v.GetRevision(), Enabled: v.GetEnabled(), BurstRate: v.GetBurstRate(), Burst: v.GetBurst(),
		MonthlyRequests: v.GetMonthlyRequests(), MonthlyObjects: v.GetMonthlyObjects(), Month: v.GetMonth(),
		UsedRequests: v.GetUsedRequests(), UsedObjects: v.GetUsedObjects(),
	}
}

func (s *Service) getVoiceLogSettings(w http.ResponseWriter, r *http.Request) error {
	if err := s.follower.WaitPosition(r.Context(), edge.Position(r)); err != nil {
		return err
	}
	res, err := s.GetVoiceLogSettings(r.Context(), &transcriptv1.GetVoiceLogSettingsRequest{})
	if err != nil {
		return err
	}
	edge.SetPosition(w, s.including(nil))
	return edge.Encode(w, http.StatusOK, voiceLogJSONOf(res.GetSettings()))
}

func (s *Service) patchVoiceLogSettings(w http.ResponseWriter, r *http.Request) error {
	var b struct {
		Revision        *uint32 `json:"revision"`
		Enabled         *bool   `json:"enabled"`
		BurstRate       *uint32 `json:"burstRate"`
		Burst           *uint32 `json:"burst"`
		MonthlyRequests *uint64 `json:"monthlyRequests"`
		MonthlyObjects  *uint64 `json:"monthlyObjects"`
	}
	if err := edge.Decode(w, r, edge.MaxBody, &b); err != nil {
		return err
	}
	if b.Revision == nil {
		return fault.New(fault.Invalid, "REVISION_REQUIRED", fault.Field("revision"))
	}
	res, err := s.UpdateVoiceLogSettings(r.Context(), &transcriptv1.UpdateVoiceLogSettingsRequest{
		Revision: *b.Revision, Enabled: b.Enabled, BurstRate: b.BurstRate, Burst: b.Burst,
		MonthlyRequests: b.MonthlyRequests, MonthlyObjects: b.MonthlyObjects,
	})
	if err != nil {
		return err
	}
	edge.SetPosition(w, s.including(nil))
	return edge.Encode(w, http.StatusOK, voiceLogJSONOf(res.GetSettings()))
}
