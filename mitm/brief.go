package mitm

import (
	"context"
	"fmt"
	"log/slog"
	"unicode/utf8"
)

// longest is how much of one text of a log line is written, in bytes. Paths and targets are
// a client's, and may have the length of a whole header.
const longest = 2048

// brief is a log's handler that cuts long texts, so that nobody can fill a disk with a
// few requests.
type brief struct {
	slog.Handler
	cut func() // is called for each line in which something was
}

func (b brief) Handle(ctx context.Context, r slog.Record) error {
	long := len(r.Message) > longest
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		if text, cut := shortened(a.Value); cut {
			a.Value, long = slog.StringValue(text), true
		}
		attrs = append(attrs, a)
		return true
	})
	if !long {
		return b.Handler.Handle(ctx, r)
	}
	b.cut()
	short := slog.NewRecord(r.Time, r.Level, shorten(r.Message), r.PC)
	short.AddAttrs(attrs...)
	return b.Handler.Handle(ctx, short)
}

// shortened is the text of a value, if it has one that is too long: a text or an error.
func shortened(v slog.Value) (string, bool) {
	text := ""
	switch v = v.Resolve(); v.Kind() {
	case slog.KindString:
		text = v.String()
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			text = err.Error()
		}
	}
	return shorten(text), len(text) > longest
}

func shorten(text string) string {
	if len(text) <= longest {
		return text
	}
	end := longest
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:end], len(text))
}

// WithAttrs returns a handler of lines that have these attributes, too.
func (b brief) WithAttrs(attrs []slog.Attr) slog.Handler {
	return brief{b.Handler.WithAttrs(attrs), b.cut}
}

// WithGroup returns a handler of lines whose attributes are in a group.
func (b brief) WithGroup(name string) slog.Handler { return brief{b.Handler.WithGroup(name), b.cut} }
