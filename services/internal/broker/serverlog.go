package broker

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// serverLog hands what the embedded server says to the process's logger. The server's notices are debug to us: it
// tells its whole configuration at each start.
type serverLog struct {
	log *slog.Logger

	stuck atomic.Bool   // the server has said that it writes nothing more
	woken chan struct{} // has one when that is news

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

// Errorf logs an error, and notes the one after which the server writes nothing more until it is restarted: it says so in
// its log and nowhere else, publishers only wait in vain.
func (l *serverLog) Errorf(format string, args ...any) {
	l.say(slog.LevelError, format, args)
	said := strings.ToLower(format)
	if strings.Contains(said, "critical write error") || strings.Contains(said, "resources, will be disabled") {
		l.stick()
	}
}

// stick notes that the server writes nothing more.
func (l *serverLog) stick() {
	if l.stuck.Swap(true) {
		return
	}
	select {
	case l.woken <- struct{}{}:
	default: // somebody is about to look
	}
}

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
