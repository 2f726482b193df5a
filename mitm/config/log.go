package config

import "log/slog"

// level is from which level on lines are written.
func (s *settler) level(l Log) slog.Level {
	switch l.Level {
	case "info":
		return slog.LevelInfo
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	s.wrong("log.level", "%q is not info, warn or error", l.Level)
	return slog.LevelInfo
}
