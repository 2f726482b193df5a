package admin

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"octopool/mitm/admin/history"
	"octopool/policy"
)

// shown is a Config that has little to tell, behind this token.
func shown(token string) Config {
	c := Config{
		Status:  func() Status { return Status{Version: "octopool_own"} },
		History: func(client string) history.View { return history.View{Client: client} },
	}
	if token != "" {
		c.Token = policy.NewSecret(token)
	}
	return c
}

// send has a handler answer a request: headers are names and values in turn.
func send(h http.Handler, method, url, form string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, url, strings.NewReader(form))
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// login logs in and returns the Cookie header that a browser would send.
func login(t *testing.T, h http.Handler) string {
	t.Helper()
	resp := send(h, "POST", "http://octopool.example/login", "token=secret")
	if len(resp.Cookies()) != 1 {
		t.Fatalf("%d, cookies %v", resp.StatusCode, resp.Cookies())
	}
	return resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value
}

// Who sends the token gets a session, which is not the token, in a cookie that no script and
// no other site can use. It is as good as the token, until it is ended.
func TestLogin(t *testing.T) {
	h := Handler(shown("secret"))
	const site = "http://octopool.example"
	if resp := send(h, "GET", site+"/", ""); resp.StatusCode != 303 || resp.Header.Get("Location") != "/login" {
		t.Errorf("the page for nobody: %d %v", resp.StatusCode, resp.Header)
	}
	for _, wrong := range []string{"", "token=", "token=Secret", "token=secretsecret", "other=secret", "token=" + strings.Repeat("x", 64<<10)} {
		if resp := send(h, "POST", site+"/login", wrong); resp.StatusCode != 401 || len(resp.Cookies()) != 0 {
			t.Errorf("%.20s: %d %v", wrong, resp.StatusCode, resp.Cookies())
		}
	}
	if resp := send(h, "POST", site+"/login?token=secret", ""); resp.StatusCode != 401 {
		t.Errorf("the token in the URL was taken: %d", resp.StatusCode)
	}
	resp := send(h, "POST", site+"/login", "token=secret")
	c := resp.Cookies()[0]
	if resp.StatusCode != 303 || resp.Header.Get("Location") != "/" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure || c.MaxAge != 12*3600 || c.Path != "/" ||
		strings.Contains(c.Value, "secret") || len(c.Value) < 26 {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if c := send(h, "POST", "https://octopool.example/login", "token=secret").Cookies()[0]; !c.Secure {
		t.Errorf("over TLS: %v", c)
	}
	cookie := c.Name + "=" + c.Value
	for path, want := range map[string]int{"/": 200, "/login": 303, "/api/status": 200, "/api/history": 200, "/api/cache": 401} {
		sent := cookie
		if want == 401 {
			sent = c.Name + "=" + strings.ToLower(c.Value)
		}
		if resp := send(h, "GET", site+path, "", "Cookie", sent); resp.StatusCode != want {
			t.Errorf("%s with a cookie: %d, want %d", path, resp.StatusCode, want)
		}
	}
	if resp := send(h, "POST", site+"/logout", "", "Cookie", cookie); resp.StatusCode != 303 || resp.Cookies()[0].MaxAge >= 0 {
		t.Errorf("logging out: %d %v", resp.StatusCode, resp.Header)
	}
	if resp := send(h, "GET", site+"/api/status", "", "Cookie", cookie); resp.StatusCode != 401 {
		t.Errorf("with an ended session: %d", resp.StatusCode)
	}
}

// A session ends after twelve hours, and the oldest when there are too many.
func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Handler(shown("secret"))
		known := func(cookie string) bool {
			return send(h, "GET", "http://octopool.example/api/status", "", "Cookie", cookie).StatusCode == 200
		}
		first := login(t, h)
		time.Sleep(sessionTime - time.Second)
		if !known(first) {
			t.Error("it ended early")
		}
		time.Sleep(time.Second)
		if known(first) {
			t.Error("it did not end")
		}
		first = login(t, h)
		second := login(t, h)
		for range mostSessions - 1 {
			login(t, h)
		}
		if known(first) || !known(second) {
			t.Errorf("of %d sessions the first is known: %t, the second: %t", mostSessions+1, known(first), known(second))
		}
	})
}

// A page of another site can make a browser log in, log out or change anything neither with
// a session nor at an open listener. A Bearer token is never sent by a browser itself.
func TestOtherSitesChangeNothing(t *testing.T) {
	for _, token := range []string{"", "secret"} {
		c, asked := purger(token)
		h := Handler(c)
		const site = "http://127.0.0.1:9090"
		cookie := ""
		if token != "" {
			cookie = login(t, h)
		}
		for _, tt := range []struct {
			headers []string
			allowed bool
		}{
			{nil, true},
			{[]string{"Origin", site, "Sec-Fetch-Site", "same-origin"}, true},
			{[]string{"Origin", site}, true},
			{[]string{"Sec-Fetch-Site", "cross-site"}, false},
			{[]string{"Sec-Fetch-Site", "same-site"}, false},
			{[]string{"Origin", "https://evil.example"}, false},
			{[]string{"Origin", "null"}, false},
			{[]string{"Origin", "http://127.0.0.1:9091"}, false},
		} {
			*asked = nil
			r := append([]string{"Cookie", cookie, "Content-Type", "application/json"}, tt.headers...)
			if resp := send(h, "POST", site+"/api/cache/purge", `{"all": true}`, r...); (resp.StatusCode == 200) != tt.allowed || (len(*asked) == 1) != tt.allowed {
				t.Errorf("token %q, purge with %q: %d, %q", token, tt.headers, resp.StatusCode, *asked)
			}
			for _, path := range []string{"/login", "/logout"} {
				if resp := send(h, "POST", site+path, "token=secret", tt.headers...); (resp.StatusCode != 403) != tt.allowed {
					t.Errorf("token %q, %s with %q: %d", token, path, tt.headers, resp.StatusCode)
				}
			}
		}
		if token == "" {
			continue
		}
		if resp := send(h, "POST", site+"/api/cache/purge", `{"all": true}`, "Authorization", "Bearer secret", "Content-Type", "application/json", "Origin", "https://tool.example"); resp.StatusCode != 200 {
			t.Errorf("a machine: %d", resp.StatusCode)
		}
	}
}

// An open listener answers only to what no other site can call its own. With a token any
// name will do: a site that takes it over has no session.
func TestRebinding(t *testing.T) {
	for host, want := range map[string]int{
		"localhost": 200, "localhost:9090": 200, "LOCALHOST:9090": 200, "octopool.localhost:9090": 200,
		"127.0.0.1:9090": 200, "127.0.0.1": 200, "[::1]:9090": 200, "[::1]": 200, "10.0.0.5:9090": 200,
		"evil.example": 421, "evil.example:9090": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "evillocalhost": 421, "": 421,
	} {
		for _, path := range []string{"/", "/api/status", "/api/history", "/api/events"} {
			ctx, stop := context.WithCancel(t.Context())
			r := httptest.NewRequestWithContext(ctx, "GET", path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			stop() // or the events would not end
			Handler(shown("")).ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s of %q: %d, want %d", path, host, w.Code, want)
			}
		}
	}
	h := Handler(shown("secret"))
	if resp := send(h, "GET", "http://octopool.internal/api/status", "", "Authorization", "Bearer secret"); resp.StatusCode != 200 {
		t.Errorf("with a token, by a name: %d", resp.StatusCode)
	}
	pools := func() []Pool { return []Pool{{Name: "hidden", Credentials: []Credential{{Name: "bot"}}}} }
	c := shown("")
	c.Pools = pools
	resp := send(Handler(c), "GET", "http://evil.example/readyz", "")
	var body [1 << 10]byte
	n, _ := resp.Body.Read(body[:])
	if resp.StatusCode != 503 || strings.Contains(string(body[:n]), "hidden") {
		t.Errorf("readiness by a name: %d %s", resp.StatusCode, body[:n])
	}
}

// Everything a browser is shown comes with a policy that lets nothing in from elsewhere, and
// nothing in the page needs an exception from it.
func TestContentSecurityPolicy(t *testing.T) {
	h := Handler(shown(""))
	files, err := fs.Glob(page, "page/*.*s")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	paths := []string{"/"}
	for _, file := range files {
		paths = append(paths, strings.TrimPrefix(file, "page"))
	}
	for _, path := range paths {
		resp := send(h, "GET", "http://localhost"+path, "")
		policy := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != 200 || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
	}
	elsewhere := regexp.MustCompile(`(?i)(src|href|action)="(https?:)?//|url\(|@import|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://[^/]*\.(com|net|org|io)\b`)
	inline := regexp.MustCompile(`(?i)<style|<script>|<script [^>]*[^"]>[^<]|\sstyle="|\son[a-z]+="`)
	err = fs.WalkDir(page, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(page, name)
		if found := elsewhere.FindString(strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "")); found != "" {
			t.Errorf("%s has %q", name, found)
		}
		if found := inline.FindString(string(text)); found != "" && strings.HasSuffix(name, ".html") {
			t.Errorf("%s has %q", name, found)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A file of the page is sent once, and asked for again each time.
func TestAssetsAreRevalidated(t *testing.T) {
	h := Handler(shown("secret"))
	resp := send(h, "GET", "http://x/app.js", "")
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/javascript") || resp.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if again := send(h, "GET", "http://x/app.js", "", "If-None-Match", resp.Header.Get("Etag")); again.StatusCode != 304 {
		t.Errorf("again: %d", again.StatusCode)
	}
}

// The history is of all clients, or of one.
func TestHistoryOfOne(t *testing.T) {
	h := Handler(shown(""))
	for query, want := range map[string]string{"": `"client":""`, "?client=ci": `"client":"ci"`, "?client=" + url.QueryEscape("a/b&c"): `"client":"a/b\u0026c"`} {
		resp := send(h, "GET", "http://localhost/api/history"+query, "")
		var body [4 << 10]byte
		n, _ := resp.Body.Read(body[:])
		if resp.StatusCode != 200 || !strings.Contains(string(body[:n]), want) {
			t.Errorf("%s: %d %s", query, resp.StatusCode, body[:n])
		}
	}
}

// watched records an answer that can be read while it is still being written.
type watched struct {
	*httptest.ResponseRecorder
	mu sync.Mutex
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ResponseRecorder.Write(p)
}

func (w *watched) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Body.String()
}

// Who looks on is told the status every two seconds, until it leaves or its session ends.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Handler(shown("secret"))
		cookie := login(t, h)
		ctx, stop := context.WithCancel(t.Context())
		watch := func(headers ...string) (*watched, <-chan struct{}) {
			w, done := &watched{ResponseRecorder: httptest.NewRecorder()}, make(chan struct{})
			r := httptest.NewRequestWithContext(ctx, "GET", "/api/events", nil)
			r.Header.Set(headers[0], headers[1])
			go func() { defer close(done); h.ServeHTTP(w, r) }()
			return w, done
		}
		machine, left := watch("Authorization", "Bearer secret")
		person, ended := watch("Cookie", cookie)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		for name, w := range map[string]*watched{"machine": machine, "person": person} {
			told := w.told()
			if n := strings.Count(told, "event: status\ndata: {\"version\":\"octopool_own\""); n != 3 || !strings.HasSuffix(told, "}\n\n") || w.Header().Get("Content-Type") != "text/event-stream" {
				t.Errorf("%s: %d events in 5 s:\n%s", name, n, told)
			}
		}
		send(h, "POST", "http://x/logout", "", "Cookie", cookie)
		<-ended
		if !strings.HasSuffix(person.told(), "event: ended\ndata: {}\n\n") {
			t.Errorf("after logging out: %s", person.told())
		}
		var others []<-chan struct{}
		for range mostOnlookers - 1 {
			_, done := watch("Authorization", "Bearer secret")
			others = append(others, done)
		}
		synctest.Wait()
		one, refused := watch("Authorization", "Bearer secret")
		<-refused
		if one.Code != http.StatusServiceUnavailable || one.Header().Get("Retry-After") == "" {
			t.Errorf("one too many: %d %v", one.Code, one.Header())
		}
		time.Sleep(eventLife - 5*time.Second)
		<-left // and may ask anew
		stop()
		for _, done := range others {
			<-done
		}
		if status := fmt.Sprint(send(h, "GET", "http://x/api/events", "").StatusCode); status != "401" {
			t.Errorf("for nobody: %s", status)
		}
	})
}
