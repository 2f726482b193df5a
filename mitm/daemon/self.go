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

// NewLog logs to a file: in words on a terminal, else in JSON.
func NewLog(to *os.File) *slog.Logger {
	if info, err := to.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return slog.New(slog.NewTextHandler(to, nil))
	}
	return slog.New(slog.NewJSONHandler(to, nil))
}
