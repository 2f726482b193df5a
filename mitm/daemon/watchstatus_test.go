package daemon

import "testing"

// A line that would not fit is cut, and says so; others are as they were.
func TestNarrowed(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  string
	}{
		{"four\n", 4, "four\n"},
		{"fives\nfour\n", 4, "fiv…\nfour\n"},
		{"größe!\n", 5, "größ…\n"},
		{"none known\n", 0, "none known\n"},
	} {
		if got := narrowed(tt.text, tt.width); got != tt.want {
			t.Errorf("%q in %d: %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}
