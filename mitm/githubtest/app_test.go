package githubtest

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// noon is when tests with a clock of their own begin.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// startApp is the usual world with an App on all of acme, and a private repository
// of somebody else's.
func startApp(t *testing.T, options ...Option) (*Server, *App, *Installation) {
	t.Helper()
	s := start(t, options...)
	s.AddRepo("globex/plans", true)
	s.AddRepo("globex/site", false)
	app := s.AddApp("acme-ci")
	return s, app, s.Install(app, "acme")
}

// as is an Authorization header for ask and get.
func as(token string) []string { return []string{"Authorization", "Bearer " + token} }

// A JWT is checked as GitHub checks it: every claim has its own refusal.
func TestJWTsAreChecked(t *testing.T) {
	now := &clock{now: noon.Add(500 * time.Millisecond)}
	s, app, _ := startApp(t, WithClock(now.Now))
	stranger := start(t).AddApp("acme-ci") // the same name and id, another key
	at := func(seconds int) int64 { return noon.Unix() + int64(seconds) }
	good := func(change map[string]any) string {
		claims := map[string]any{"iss": app.ClientID(), "iat": at(-60), "exp": at(540)}
		for name, value := range change {
			claims[name] = value
		}
		return app.signJWT(jwtHead, claims)
	}
	parts := strings.Split(good(nil), ".")
	for _, tt := range []struct {
		name, jwt string
		status    int
		message   string
	}{
		{"client id", good(nil), 200, ""},
		{"App id in text", good(map[string]any{"iss": strconv.FormatInt(app.ID(), 10)}), 200, ""},
		{"App id as a number", good(map[string]any{"iss": app.ID()}), 200, ""},
		{"ten minutes ahead", good(map[string]any{"exp": at(600)}), 200, ""},
		{"a second more", good(map[string]any{"exp": at(601)}), 401, jwtTooFar},
		{"ends now", good(map[string]any{"exp": at(0)}), 401, jwtExpired},
		{"never ends", good(map[string]any{"exp": nil}), 401, jwtExpired},
		{"issued now", good(map[string]any{"iat": at(0)}), 200, ""},
		{"issued in a second", good(map[string]any{"iat": at(1)}), 401, jwtIssuedAt},
		{"issued at a fraction", good(map[string]any{"iat": float64(at(-60)) + 0.5}), 401, jwtIssuedAt},
		{"issued never", good(map[string]any{"iat": nil}), 401, jwtIssuedAt},
		{"issued in words", good(map[string]any{"iat": "yesterday"}), 401, jwtIssuedAt},
		{"an App nobody knows", good(map[string]any{"iss": 7}), 404, jwtUnknownApp},
		{"no issuer", good(map[string]any{"iss": nil}), 404, jwtUnknownApp},
		{"another key", stranger.signJWT(jwtHead, map[string]any{"iss": app.ClientID(), "iat": at(-60), "exp": at(540)}), 401, jwtUndecodable},
		{"another algorithm", app.signJWT(`{"alg":"RS512"}`, map[string]any{"iss": app.ClientID(), "iat": at(-60), "exp": at(540)}), 401, jwtUndecodable},
		{"other claims under the signature", parts[0] + "." + base64url([]byte(`{"iss":`+strconv.FormatInt(app.ID(), 10)+`}`)) + "." + parts[2], 401, jwtUndecodable},
		{"not JSON", "eyJ.eyJ.eyJ", 401, jwtUndecodable},
	} {
		got := get(t, s, "/app", as(tt.jwt)...)
		if got.StatusCode != tt.status || tt.status != 200 && messageOf(t, got).Message != tt.message {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
		}
		if date := got.Header.Get("Date"); date != "Mon, 23 Nov 2026 12:00:00 GMT" {
			t.Errorf("%s: Date is %s", tt.name, date)
		}
	}
	if got := get(t, s, "/app", "Authorization", "token "+app.JWT()); got.StatusCode != 401 {
		t.Errorf("with the scheme token: %d", got.StatusCode)
	}
	if got := get(t, s, "/app", "Authorization", asBot); got.StatusCode != 401 || messageOf(t, got).Message != jwtUndecodable {
		t.Errorf("a user's token: %d %s", got.StatusCode, got.body)
	}
}

// An App tells of itself, and spends a budget of its own doing so.
func TestApp(t *testing.T) {
	s, app, _ := startApp(t)
	got := get(t, s, "/app", as(app.JWT())...)
	for _, part := range []string{
		fmt.Sprintf(`{"id":%d,"client_id":"Iv23`, app.ID()), `"slug":"acme-ci"`, `"permissions":{"actions":"read",`, `"installations_count":1}`,
	} {
		if !strings.Contains(got.body, part) {
			t.Errorf("no %s in %s", part, got.body)
		}
	}
	// An answer to a JWT is not told apart by it (observed).
	if vary := got.Header["Vary"]; len(vary) == 0 || vary[0] != "Accept" {
		t.Errorf("Vary %v", got.Header["Vary"])
	}
	seen := s.Seen()[0]
	if seen.Login != "" || seen.Principal != app.Principal() || s.Used(app.Principal(), "core") != 1 || s.Points()[app.Principal()]["core"] != 1 {
		t.Errorf("%q %q %v", seen.Login, seen.Principal, s.Points())
	}
	block, rest := pem.Decode(app.PEM())
	if block == nil || block.Type != "RSA PRIVATE KEY" || len(rest) > 0 {
		t.Fatalf("%s", app.PEM())
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err != nil || !key.Equal(app.key) {
		t.Errorf("the PEM: %v", err)
	}
	for _, path := range []string{"/user", "/user/repos", "/notifications"} {
		if got := get(t, s, path, as(app.JWT())...); got.StatusCode != 403 || messageOf(t, got).Message != notForIntegrations {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
}

// Installations are listed in pages, and found by account and by repository.
func TestInstallationsAreFound(t *testing.T) {
	s, app, acme := startApp(t)
	s.AddRepo("initech/tps", true)
	s.AddRepo("initech/other", true)
	initech := s.Install(app, "initech", "initech/tps")
	s.AddUser("mona")
	mona := s.Install(app, "mona")
	other := s.AddApp("other-ci")
	theirs := s.Install(other, "acme")
	first := get(t, s, "/app/installations?per_page=2", as(app.JWT())...)
	if link := first.Header.Get("Link"); !strings.Contains(link, `<https://api.github.com/app/installations?per_page=2&page=2>; rel="next"`) {
		t.Errorf("Link %q", link)
	}
	second := get(t, s, "/app/installations?per_page=2&page=2", as(app.JWT())...)
	if ids := idsOf(t, first.body) + " " + idsOf(t, second.body); ids != fmt.Sprintf("[%d %d] [%d]", acme.ID(), initech.ID(), mona.ID()) {
		t.Errorf("listed: %s", ids)
	}
	for _, tt := range []struct {
		path string
		want int64 // 0: not found
	}{
		{fmt.Sprintf("/app/installations/%d", initech.ID()), initech.ID()},
		{fmt.Sprintf("/app/installations/%d", theirs.ID()), 0},
		{"/app/installations/7", 0},
		{"/orgs/acme/installation", acme.ID()},
		{"/orgs/ACME/installation", acme.ID()},
		{"/orgs/globex/installation", 0},
		{"/orgs/nobody/installation", 0},
		{"/users/mona/installation", mona.ID()},
		{"/users/acme/installation", acme.ID()},
		{"/repos/acme/api/installation", acme.ID()},
		{"/repos/initech/tps/installation", initech.ID()},
		{"/repos/initech/other/installation", 0},
		{"/repos/globex/site/installation", 0},
		{"/repos/acme/none/installation", 0},
	} {
		got := get(t, s, tt.path, as(app.JWT())...)
		var found struct {
			ID        int64
			AppSlug   string `json:"app_slug"`
			Selection string `json:"repository_selection"`
		}
		if err := json.Unmarshal([]byte(got.body), &found); err != nil {
			t.Fatal(err)
		}
		if (got.StatusCode == 200) != (tt.want != 0) || found.ID != tt.want || tt.want != 0 && found.AppSlug != "acme-ci" || (found.Selection == "selected") != (tt.want == initech.ID()) {
			t.Errorf("%s: %d %s", tt.path, got.StatusCode, got.body)
		}
		if got := get(t, s, tt.path, "Authorization", asBot); got.StatusCode != 401 {
			t.Errorf("%s as a user: %d", tt.path, got.StatusCode)
		}
	}
	initech.Uninstall()
	if got := get(t, s, "/app/installations", as(app.JWT())...); idsOf(t, got.body) != fmt.Sprintf("[%d %d]", acme.ID(), mona.ID()) {
		t.Errorf("after one was uninstalled: %s", got.body)
	}
	again := s.Install(app, "initech")
	if got := get(t, s, "/orgs/initech/installation", as(app.JWT())...); again.ID() == initech.ID() || !strings.Contains(got.body, fmt.Sprintf(`{"id":%d,`, again.ID())) {
		t.Errorf("installed again: %s", got.body)
	}
}

// idsOf is the ids of a list.
func idsOf(t *testing.T, body string) string {
	t.Helper()
	var list []struct{ ID int64 }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	ids := []int64{}
	for _, one := range list {
		ids = append(ids, one.ID)
	}
	return fmt.Sprint(ids)
}

// A suspended installation is shown with its date, and mints nothing; one that is gone is not found.
func TestSuspendedAndUninstalled(t *testing.T) {
	now := &clock{now: noon}
	s, app, in := startApp(t, WithClock(now.Now))
	path := fmt.Sprintf("/app/installations/%d", in.ID())
	mint := func() exchange {
		return ask(t, s, http.MethodPost, "https://api.github.com"+path+"/access_tokens", "{}", as(app.JWT())...)
	}
	held := in.Mint()
	use := func(want int, message string) {
		t.Helper()
		got := get(t, s, "/repos/acme/api", as(held)...)
		if got.StatusCode != want || want != 200 && messageOf(t, got).Message != message {
			t.Errorf("with a token from before: %d %s", got.StatusCode, got.body)
		}
	}
	use(200, "")
	in.Suspend()
	if got := get(t, s, path, as(app.JWT())...); !strings.Contains(got.body, `"suspended_at":"2026-11-23T12:00:00Z"`) {
		t.Errorf("suspended: %s", got.body)
	}
	if got := mint(); got.StatusCode != 403 || messageOf(t, got).Message != "This installation has been suspended" {
		t.Errorf("suspended, mint: %d %s", got.StatusCode, got.body)
	}
	use(403, "This installation has been suspended")
	in.Unsuspend()
	use(200, "")
	if got := mint(); got.StatusCode != 201 {
		t.Errorf("unsuspended, mint: %d %s", got.StatusCode, got.body)
	}
	in.Uninstall()
	use(401, "Bad credentials")
	if got := mint(); got.StatusCode != 404 || messageOf(t, got).Message != "Not Found" {
		t.Errorf("uninstalled, mint: %d %s", got.StatusCode, got.body)
	}
}

// No bytes prove an App but those it signed.
func FuzzVerifyJWT(f *testing.F) {
	s := New(WithoutListener(), WithClock((&clock{now: noon}).Now))
	f.Cleanup(s.Close)
	app := s.AddApp("acme-ci")
	good := app.JWT()
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add("eyJ.eyJ.")
	f.Add(base64url([]byte(`{"alg":"RS256"}`)) + "." + base64url([]byte(`{"iss":[1],"exp":1e99}`)) + ".AA")
	signed := good[:strings.LastIndex(good, ".")]
	f.Fuzz(func(t *testing.T, text string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		found, refusal := s.verifyJWT(text)
		if (found == nil) == (refusal == nil) {
			t.Errorf("%q: %v and %v", text, found, refusal)
		}
		if found != nil && !strings.HasPrefix(text, signed+".") {
			t.Errorf("%q proves %s", text, found.slug)
		}
	})
}
