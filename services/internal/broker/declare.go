package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// ErrLost says that a stream that once was is not there any more. Starting over it with an empty one would look like
// a fresh installation; the operator has to restore it, or to say that it may be forgotten by removing the marker.
var ErrLost = errors.New("broker: a stream is missing")

// maxRefused is how often a log that has no room is asked again: processes that start together may stand in each other's
// way for a moment.
const maxRefused = 20

// Declare makes the log as [Declarations] say. A stream that is remembered and that the server does not have is
// [ErrLost], unless it was in memory only. An embedded log is remembered in its directory (marker); any other, whose
// marker is nil, in its own stream of settings, which then must be there if any other is. Several processes may declare
// at once. While the log cannot answer, because it is just electing a leader, Declare asks again until the context ends.
func Declare(ctx context.Context, log *stream.Log, marker *Marker) error {
	for refused := 0; ; {
		err := declareOnce(ctx, log, marker)
		again := fault.KindOf(err) == fault.Unavailable
		if errors.Is(err, stream.ErrNoRoom) {
			refused++
			again = refused <= maxRefused
		}
		if !again {
			return err
		}
		select {
		case <-time.After(retryWait):
		case <-ctx.Done():
			return err
		}
	}
}

func declareOnce(ctx context.Context, log *stream.Log, marker *Marker) error {
	remembered, err := remember(ctx, log, marker)
	if err != nil {
		return err
	}
	made := map[string]string{}
	for _, d := range Declarations() {
		if err := ensure(ctx, log, d, remembered, made); err != nil {
			return err
		}
	}
	if marker == nil {
		return writeSetting(ctx, log, made)
	}
	for name, incarnation := range made {
		if err := marker.Remember(name, incarnation); err != nil {
			return err
		}
	}
	return nil
}

func ensure(ctx context.Context, log *stream.Log, d stream.Declaration, remembered, made map[string]string) error {
	if incarnation := remembered[d.Name]; incarnation != "" && !d.Memory {
		_, err := log.Info(ctx, d.Name)
		if errors.Is(err, stream.ErrNoStream) {
			return fmt.Errorf("%w: %s (incarnation %s)", ErrLost, d.Name, incarnation)
		}
		if err != nil {
			return err
		}
	}
	info, _, err := log.Declare(ctx, d)
	if err == nil && !d.Memory {
		made[d.Name] = info.Incarnation
	}
	return err
}

// remember returns the streams that have been, by name.
func remember(ctx context.Context, log *stream.Log, marker *Marker) (map[string]string, error) {
	if marker != nil {
		return marker.Remembered(), nil
	}
	_, err := log.Info(ctx, subject.Settings)
	if errors.Is(err, stream.ErrNoStream) {
		return nil, settingsLost(ctx, log)
	}
	if err != nil {
		return nil, err
	}
	return readSetting(ctx, log)
}

// settingsLost is ErrLost when the stream of settings is missing and another one is not. Another process may just be
// making them all, settings first: whatever is there then, settings are too, and are found at the second look.
func settingsLost(ctx context.Context, log *stream.Log) error {
	for _, d := range Declarations() {
		_, err := log.Info(ctx, d.Name)
		if err == nil && !d.Memory {
			if _, err = log.Info(ctx, subject.Settings); errors.Is(err, stream.ErrNoStream) {
				return fmt.Errorf("%w: %s", ErrLost, subject.Settings)
			}
			return err
		}
		if err != nil && !errors.Is(err, stream.ErrNoStream) {
			return err
		}
	}
	return nil
}

func settingGuard() stream.Guard { return stream.NewGuard(subject.Settings, subject.StreamMarker()) }

func readSetting(ctx context.Context, log *stream.Log) (map[string]string, error) {
	m, ok, err := log.Last(ctx, settingGuard())
	if err != nil || !ok {
		return nil, err
	}
	var out map[string]string
	if err := json.Unmarshal(m.Data, &out); err != nil {
		return nil, fmt.Errorf("broker: %s: %w", subject.StreamMarker(), err)
	}
	return out, nil
}

// writeSetting remembers the streams on the log itself, if it does not already.
func writeSetting(ctx context.Context, log *stream.Log, made map[string]string) error {
	_, err := log.Commit(ctx, settingGuard(), ids.New("event"), func(ctx context.Context, _ uint64) (*stream.Event, error) {
		have, err := readSetting(ctx, log)
		if err != nil || maps.Equal(have, made) {
			return nil, err
		}
		data, err := json.Marshal(made)
		return &stream.Event{Subject: subject.StreamMarker(), Data: data}, err
	})
	return err
}
