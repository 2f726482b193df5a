package admin

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"octopool/policy"
)

// ask sends one request over a socket and returns the status, the headers and the body.
func ask(t *testing.T, c Config, method, path, authorization string) (int, http.Header, string) {
	t.Helper()
	if c.Metrics == nil {
		c.Metrics = func(w io.Writer) { io.WriteString(w, "octopool_own 1\n") }
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	s := httptest.NewServer(Handler(c))
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func TestHealthIsToldToAnyone(t *testing.T) {
	c := Config{Token: policy.NewSecret("secret"), Ready: func() error { return errors.New("no credential of pool default is in service") }}
	if status, _, body := ask(t, c, "GET", "/healthz", ""); status != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	if status, _, body := ask(t, c, "GET", "/readyz", ""); status != 503 || body != "no credential of pool default is in service\n" {
		t.Errorf("/readyz of one that cannot work: %d %q", status, body)
	}
	c.Ready = nil
	if status, _, body := ask(t, c, "GET", "/readyz", ""); status != 200 || body != "ready\n" {
		t.Errorf("/readyz: %d %q", status, body)
	}
}

func TestMetricsAreForPrometheus(t *testing.T) {
	status, header, body := ask(t, Config{}, "GET", "/metrics", "")
	if status != 200 || header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%d %v", status, header)
	}
	for _, want := range []string{"octopool_own 1\n", "go_goroutines ", "process_resident_memory_bytes "} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}

func TestMetricsAreBehindTheToken(t *testing.T) {
	read := 0
	c := Config{Token: policy.NewSecret("secret"), Metrics: func(io.Writer) { read++ }}
	for _, authorization := range []string{
		"", "Bearer", "Bearer ", "Bearer wrong!", "Bearer secre", "Bearer secrets", "Bearer  secret", "Basic secret", "secret", "Bearer Secret", "token secret",
	} {
		status, header, body := ask(t, c, "GET", "/metrics", authorization)
		if status != 401 || header.Get("Www-Authenticate") != `Bearer realm="octopool"` || strings.Contains(body, "secret") {
			t.Errorf("%q: %d %v %s", authorization, status, header, body)
		}
	}
	if read != 0 {
		t.Errorf("metrics were read %d times for nobody", read)
	}
	for _, authorization := range []string{"Bearer secret", "bearer secret"} {
		if status, _, body := ask(t, c, "GET", "/metrics", authorization); status != 200 {
			t.Errorf("%q: %d %s", authorization, status, body)
		}
	}
}

func TestNothingElseIsThere(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/", 404},
		{"GET", "/metrics/", 404},
		{"GET", "/debug/pprof/", 404},
		{"GET", "/debug/vars", 404},
		{"POST", "/metrics", 405},
		{"PUT", "/readyz", 405},
		{"DELETE", "/healthz", 405},
		{"HEAD", "/metrics", 200},
	} {
		if status, _, body := ask(t, Config{}, tt.method, tt.path, ""); status != tt.want || strings.Contains(body, "octopool_own") {
			t.Errorf("%s %s: %d %q, want %d", tt.method, tt.path, status, body, tt.want)
		}
	}
}
