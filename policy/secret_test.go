package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"octopool/policy"
)

// However a Secret is printed, alone or inside something, its text stays inside.
func TestSecretDoesNotPrint(t *testing.T) {
	const text = "ghp_hunter2"
	s := policy.NewSecret(text)
	type holder struct {
		Public  policy.Secret
		private policy.Secret
		ptr     *policy.Secret
	}
	h := holder{s, s, &s}
	var out bytes.Buffer
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %p %t %08b %U") {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", &s)
		fmt.Fprintf(&out, verb+"\n", h)
		fmt.Fprintf(&out, verb+"\n", []policy.Secret{s})
	}
	fmt.Fprintln(&out, s, h, fmt.Errorf("it is %v", s))
	asJSON, err := json.Marshal(map[string]any{"secret": s, "holder": h})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asJSON)
	slog.New(slog.NewTextHandler(&out, nil)).Info("a", "secret", s, "holder", h, "s", []any{s})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("a", "secret", s, "holder", h, "s", []any{s})
	fmt.Fprintln(&out, s.String()+s.GoString(), s.LogValue())
	for _, leak := range []string{text, "hunter2", fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q leaks in:\n%s", leak, out.String())
		}
	}
	if got, want := fmt.Sprintf("%d %x %v", s, s, s), "[secret] [secret] [secret]"; got != want {
		t.Errorf("verbs print %q, want %q", got, want)
	}
}

func TestSecretReveals(t *testing.T) {
	if got := policy.NewSecret("x").Reveal(); got != "x" {
		t.Errorf("Reveal = %q, want x", got)
	}
	var zero policy.Secret
	if zero.Reveal() != "" || !zero.IsZero() || !policy.NewSecret("").IsZero() || policy.NewSecret("x").IsZero() {
		t.Error("a secret is zero exactly when it reveals nothing")
	}
	if got := fmt.Sprint(zero); got != "[secret]" {
		t.Errorf("the zero secret prints %q", got)
	}
}
