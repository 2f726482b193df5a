package policy

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// A Secret is a token or key. It does not print: not with any verb of fmt,
// not in a log line, not in JSON. Reveal is the only way out, so grep finds
// every use.
//
// The text sits behind a pointer because fmt cannot call methods on an
// unexported field: printing a struct that holds a Secret would print the
// text. The zero Secret is no secret: it reveals "".
//
// Two Secrets of one text are not ==; nothing here needs to compare them.
type Secret struct{ text *string }

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{&text} }

// Reveal returns the text, or "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is nothing to hide.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns a placeholder, whatever the text.
func (s Secret) String() string { return redacted }

// GoString returns a placeholder, whatever the text.
func (s Secret) GoString() string { return redacted }

// Format writes a placeholder for every verb: without it, %d would print the
// address of the text and so tell one secret from another.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText returns a placeholder, so that JSON and TOML hold no secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
