package exchange

import (
	"net/http"
	"strconv"
	"testing"
)

// curl and browsers get GitHub's JSON as people and scripts read it, on lines, as they do directly;
// others get the same representation as it is.
func TestJSONIsIndentedForThoseForWhomGitHubDoes(t *testing.T) {
	w := newWorld(t)
	plain := w.get(ci, labels).body
	for _, tt := range []struct {
		name     string
		agent    string
		encoding string
		lines    bool
	}{
		{"curl", "curl/8.5.0", "", true},
		{"curl that takes gzip", "curl/8.5.0", "gzip", true},
		{"wget", "Wget/1.21.3", "", true},
		{"a browser", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "", true},
		{"gh", "GitHub CLI 2.23.0", "", false},
	} {
		headers := []string{"User-Agent", tt.agent}
		if tt.encoding != "" {
			headers = append(headers, "Accept-Encoding", tt.encoding)
		}
		a := w.get(ci, labels, headers...)
		want := plain
		if tt.lines {
			want = w.direct("ghp_bot", labels, "User-Agent", tt.agent)
		}
		text, ok := decoded([]byte(a.body), a.Header.Get("Content-Encoding"), 1<<20)
		if !ok || string(text) != want || a.Header.Get("Content-Encoding") != tt.encoding {
			t.Errorf("%s: in %q %q\nwant %q", tt.name, a.Header.Get("Content-Encoding"), text, want)
		}
		if tt.lines && a.Header.Get("Content-Length") != strconv.Itoa(len(a.body)) {
			t.Errorf("%s: Content-Length %s of %d", tt.name, a.Header.Get("Content-Length"), len(a.body))
		}
		if again := w.get(ci, labels, "User-Agent", tt.agent, "If-None-Match", a.Header.Get("Etag")); again.Status != http.StatusNotModified {
			t.Errorf("%s: its own ETag: %d", tt.name, again.Status)
		}
	}
	if missing := w.get(ci, "/repos/acme/none", "User-Agent", "curl/8.5.0"); missing.body != w.direct("ghp_bot", "/repos/acme/none", "User-Agent", "curl/8.5.0") {
		t.Errorf("an error: %q", missing.body)
	}
}

// What is larger than what is stored passes as it is.
func TestWhatIsLargeIsNotIndented(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MaxEntry = 100 })
	plain := w.get(ci, labels).body
	if a := w.get(ci, labels, "User-Agent", "curl/8.5.0"); a.body != plain || len(plain) < 100 {
		t.Errorf("%q\nwant %q", a.body, plain)
	}
}
