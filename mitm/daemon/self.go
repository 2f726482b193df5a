package daemon

import (
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
)

// Version is the module's version, or the revision it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return strings.TrimPrefix(v, "v")
	}
	return "devel"
}

// NewLog logs to a file: in words on a terminal, else in JSON with durations in seconds.
func NewLog(to *os.File) *slog.Logger {
	if info, err := to.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return slog.New(slog.NewTextHandler(to, nil))
	}
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{ReplaceAttr: inSeconds}))
}

// inSeconds is the unit of durations in metrics too; slog's own is the nanosecond.
func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.Float64(a.Key, a.Value.Duration().Seconds())
	}
	return a
}
