package broker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// serverLog hands what the embedded server says to the process's logger. The server's notices are debug to us: it
// tells its whole configuration at each start.
type serverLog struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal chan error
}

// watch returns where the first fatal message from now on arrives. The server does not exit after one: it stays behind
// half started, and only this tells.
func (l *serverLog) watch() <-chan error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fatal = make(chan error, 1)
	return l.fatal
}

func (l *serverLog) say(level slog.Level, format string, args []any) {
	ctx := context.Background() // the server has none to hand on
	if l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "nats-server", slog.String("said", fmt.Sprintf(format, args...)))
	}
}

// Noticef logs for debugging.
func (l *serverLog) Noticef(format string, args ...any) { l.say(slog.LevelDebug, format, args) }

// Warnf logs a warning.
func (l *serverLog) Warnf(format string, args ...any) { l.say(slog.LevelWarn, format, args) }

// Errorf logs an error.
func (l *serverLog) Errorf(format string, args ...any) { l.say(slog.LevelError, format, args) }

// Fatalf logs an error and fails a start that is under way.
func (l *serverLog) Fatalf(format string, args ...any) {
	l.say(slog.LevelError, format, args)
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.fatal <- fmt.Errorf(format, args...):
	default: // only the first counts
	}
}

// Debugf drops the message: the server is not asked for any.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef drops the message: traces would show what is in the log.
func (l *serverLog) Tracef(string, ...any) {}
