package daemon

import (
	"context"
	"log/slog"
)

// leveled is a log's handler with a level that may change, beside that of the handler.
type leveled struct {
	slog.Handler
	level *slog.LevelVar
}

func (l leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= l.level.Level() && l.Handler.Enabled(ctx, level)
}

func (l leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{l.Handler.WithAttrs(attrs), l.level}
}

func (l leveled) WithGroup(name string) slog.Handler {
	return leveled{l.Handler.WithGroup(name), l.level}
}
