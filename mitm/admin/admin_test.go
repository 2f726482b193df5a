package admin

import (
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
	if c.Pools == nil {
		c.Pools = func() []Pool { return []Pool{{GitHub: "github.com", Name: "default", Ready: true}} }
	}
	if c.Status == nil {
		c.Status = func() Status { return Status{Version: "octopool_own"} }
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
	c := Config{Token: policy.NewSecret("secret")}
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if status, _, body := ask(t, c, "GET", path, ""); status != 200 || body != want {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
}

// One pool that can serve is enough to be ready, and what keeps the others from it is
// told; but by name only to who may read names.
func TestReadinessTellsWhy(t *testing.T) {
	good := Pool{GitHub: "github.com", Name: "good", Ready: true, Credentials: []Credential{{Name: "bot", Up: true}, {Name: "lost", Reason: "not of interest"}}}
	bad := Pool{GitHub: "ghe.example", Name: "bad", Credentials: []Credential{
		{Name: "app", Reason: "the installation is suspended"}, {Name: "hub", Reason: "GitHub answered 401\x1b[2J"}}}
	const why = "pool bad of ghe.example cannot serve: app (the installation is suspended), hub (GitHub answered 401\ufffd[2J)\n"
	const hint = "a pool cannot serve; sent with admin.token, this tells which and why\n"
	for _, tt := range []struct {
		claim, token, authorization string
		pools                       []Pool
		status                      int
		want                        string
	}{
		{"all can serve", "", "", []Pool{good}, 200, "ready\n"},
		{"one can", "", "", []Pool{bad, good}, 200, "ready\n" + why},
		{"none can", "", "", []Pool{bad}, 503, "not ready\n" + why},
		{"there is none", "", "", nil, 503, "not ready\n"},
		{"a probe", "secret", "", []Pool{bad, good, bad}, 200, "ready\n" + hint},
		{"a probe of one that cannot work", "secret", "Bearer wrong", []Pool{bad}, 503, "not ready\n" + hint},
		{"an operator", "secret", "Bearer secret", []Pool{bad}, 503, "not ready\n" + why},
	} {
		c := Config{Token: policy.NewSecret(tt.token), Pools: func() []Pool { return tt.pools }}
		if tt.token == "" {
			c.Token = policy.Secret{}
		}
		if status, _, body := ask(t, c, "GET", "/readyz", tt.authorization); status != tt.status || body != tt.want {
			t.Errorf("%s: %d %q, want %d %q", tt.claim, status, body, tt.status, tt.want)
		}
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

func TestNamesAreBehindTheToken(t *testing.T) {
	read := 0
	c := Config{Token: policy.NewSecret("secret"), Metrics: func(io.Writer) { read++ }, Status: func() Status { read++; return Status{} }}
	for _, path := range []string{"/metrics", "/api/status"} {
		for _, authorization := range []string{
			"", "Bearer", "Bearer ", "Bearer wrong!", "Bearer secre", "Bearer secrets", "Bearer  secret", "Basic secret", "secret", "Bearer Secret", "token secret",
		} {
			status, header, body := ask(t, c, "GET", path, authorization)
			if status != 401 || header.Get("Www-Authenticate") != `Bearer realm="octopool"` || strings.Contains(body, "secret") {
				t.Errorf("%s, %q: %d %v %s", path, authorization, status, header, body)
			}
		}
		if read != 0 {
			t.Errorf("%s was read %d times for nobody", path, read)
		}
	}
	for _, path := range []string{"/metrics", "/api/status"} {
		for _, authorization := range []string{"Bearer secret", "bearer secret"} {
			if status, _, body := ask(t, c, "GET", path, authorization); status != 200 {
				t.Errorf("%s, %q: %d %s", path, authorization, status, body)
			}
		}
	}
}

func TestNothingElseIsThere(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/", 405},
		{"GET", "/index.html", 404},
		{"GET", "/page/", 404},
		{"GET", "/metrics/", 404},
		{"GET", "/debug/pprof/", 404},
		{"GET", "/debug/vars", 404},
		{"POST", "/metrics", 405},
		{"PUT", "/readyz", 405},
		{"DELETE", "/healthz", 405},
		{"HEAD", "/metrics", 200},
		{"GET", "/api", 404},
		{"GET", "/api/", 404},
		{"POST", "/api/status", 405},
		{"HEAD", "/api/status", 200},
	} {
		if status, _, body := ask(t, Config{}, tt.method, tt.path, ""); status != tt.want || strings.Contains(body, "octopool_own") {
			t.Errorf("%s %s: %d %q, want %d", tt.method, tt.path, status, body, tt.want)
		}
	}
}
