package installation_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/policy/pool/installation"
)

// Each of GitHub's refusals has one cause, and one sentence that says what to mend.
func TestRefusals(t *testing.T) {
	date := func(off time.Duration) string { return "Date: " + noon.Add(off).Format(http.TimeFormat) }
	says := func(message string) string {
		return fmt.Sprintf(`{"message":%q,"documentation_url":"https://docs.github.com/rest"}`, message)
	}
	const undecoded = "A JSON web token could not be decoded"
	for _, tt := range []struct {
		name   string
		answer sender
		cause  installation.Cause
		text   string
	}{
		{
			"another App's key", answering(401, says(undecoded), date(0)), installation.BadKey,
			"the private key is not one of this App's, or app_id is another App's (GitHub answered 401: A JSON web token could not be decoded)",
		},
		{
			"an App whose keys are gone", answering(401, says("Integration must generate a public key"), date(0)), installation.BadKey,
			"the private key is not one of this App's, or app_id is another App's (GitHub answered 401: Integration must generate a public key)",
		},
		{
			"an App that is not", answering(404, says("Integration not found"), date(0)), installation.UnknownApp,
			"GitHub knows no App by this client_id or app_id (GitHub answered 404: Integration not found)",
		},
		{
			"a clock ahead", answering(401, says("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"), date(-12*time.Minute)), installation.WrongClock,
			"this machine's clock is 12m ahead of GitHub's (GitHub answered 401: 'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued)",
		},
		{
			"a clock behind", answering(401, says("'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"), date(12*time.Minute)), installation.WrongClock,
			"this machine's clock is 12m behind GitHub's (GitHub answered 401: 'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires)",
		},
		{
			"a clock behind, in fewer words", answering(401, says(undecoded), date(26*time.Hour)), installation.WrongClock,
			"this machine's clock is 26h0m behind GitHub's (GitHub answered 401: A JSON web token could not be decoded)",
		},
		{
			"a clock that GitHub alone finds wrong", answering(401, says("'Expiration time' claim ('exp') is too far in the future"), date(3*time.Second)), installation.WrongClock,
			"GitHub does not accept the time of this machine's clock (GitHub answered 401: 'Expiration time' claim ('exp') is too far in the future)",
		},
		{
			"a clock that is not the reason", answering(401, says(undecoded), date(-4*time.Minute)), installation.BadKey,
			"the private key is not one of this App's, or app_id is another App's (GitHub answered 401: A JSON web token could not be decoded)",
		},
		{
			"suspended", answering(403, says("This installation has been suspended")), installation.Suspended,
			"the installation is suspended (GitHub answered 403: This installation has been suspended)",
		},
		{
			"uninstalled", answering(404, says("Not Found")), installation.Uninstalled,
			"the App has no such installation: it was uninstalled, or is another App's (GitHub answered 404: Not Found)",
		},
		{
			"a permission it lacks", answering(422, says("The permissions requested are not granted to this installation.")), installation.NotGranted,
			"the installation does not cover what the token was to be limited to (GitHub answered 422: The permissions requested are not granted to this installation.)",
		},
		{
			"primary limit", answering(403, says("API rate limit exceeded for installation ID 7."), "X-Ratelimit-Remaining: 0"), installation.Limited,
			"GitHub limits how often this App may ask (GitHub answered 403: API rate limit exceeded for installation ID 7.)",
		},
		{
			"secondary limit", answering(403, says("You have exceeded a secondary rate limit.")), installation.Limited,
			"GitHub limits how often this App may ask (GitHub answered 403: You have exceeded a secondary rate limit.)",
		},
		{
			"a limit in plain text", answering(429, "slow down"), installation.Limited,
			"GitHub limits how often this App may ask (GitHub answered 429)",
		},
		{"an IP allow list", answering(403, says("The acme organization has an IP allow list enabled")), installation.Other, "GitHub answered 403: The acme organization has an IP allow list enabled"},
		{"down", answering(503, "<html>No server is currently available</html>"), installation.Other, "GitHub answered 503"},
		{"moved", answering(301, says("Moved Permanently"), "Location: https://evil.example/app"), installation.Other, "GitHub answered 301: Moved Permanently"},
		{"several lines", answering(400, `{"message":"one\r\n\ttwo \u202ethree\u0000"}`), installation.Other, "GitHub answered 400: one two three"},
		{"no message", answering(400, `{"message":["?"]}`), installation.Other, "GitHub answered 400"},
	} {
		_, err := appBy(t, tt.answer).Mint(t.Context(), 7, installation.Narrowing{})
		refused, ok := errors.AsType[*installation.Refused](err)
		if !ok || refused.Cause != tt.cause || err.Error() != tt.text {
			t.Errorf("%s: %v\n want %s: %s", tt.name, err, tt.cause, tt.text)
		}
	}
}

// Listing is refused as minting is, but nothing is said of one installation.
func TestRefusedList(t *testing.T) {
	for _, tt := range []struct {
		answer sender
		want   string
	}{
		{answering(404, `{"message":"Integration not found"}`), "GitHub knows no App by this client_id or app_id (GitHub answered 404: Integration not found)"},
		{answering(404, `{"message":"Not Found"}`), "GitHub answered 404: Not Found"},
		{answering(403, `{"message":"Sorry. Your account was suspended."}`), "GitHub answered 403: Sorry. Your account was suspended."},
		{answering(302, "", "Location: https://evil.example/"), "GitHub answered 302"},
	} {
		_, err := appBy(t, tt.answer).Installations(t.Context())
		if _, ok := errors.AsType[*installation.Refused](err); !ok || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}

// What GitHub says of when to ask again comes with the refusal, and nothing else does.
func TestRefusedSaysWhen(t *testing.T) {
	app := appBy(t, answering(403, "", "Retry-After: 60", "X-Ratelimit-Remaining: 14", "X-Ratelimit-Reset: 1763899200", "Set-Cookie: a=b", "X-Github-Request-Id: 1"))
	_, err := app.Mint(t.Context(), 7, installation.Narrowing{})
	refused, ok := errors.AsType[*installation.Refused](err)
	if !ok {
		t.Fatal(err)
	}
	want := http.Header{"Retry-After": {"60"}, "X-Ratelimit-Remaining": {"14"}, "X-Ratelimit-Reset": {"1763899200"}}
	if diff := cmp.Diff(want, refused.Header); diff != "" || refused.Cause != installation.Limited {
		t.Errorf("%s: %s", refused.Cause, diff)
	}
}

// A message of any length becomes a line that a log can bear, and is not read for ever.
func TestLongReason(t *testing.T) {
	for _, body := range []string{
		`{"message":"` + strings.Repeat("very ", 10_000) + `long"}`,
		`{"message":"` + strings.Repeat("very ", 1_000_000) + `long"}`,
	} {
		_, err := appBy(t, answering(500, body)).Mint(t.Context(), 7, installation.Narrowing{})
		if err == nil || len(err.Error()) > 400 {
			t.Errorf("%d bytes: %.500s", len(err.Error()), err)
		}
	}
}

// Without a way to GitHub the error says that, and what the transport met.
func TestUnreachable(t *testing.T) {
	lost := errors.New("dial tcp 192.0.2.1:443: connection refused")
	app := appBy(t, sender(func(*http.Request) (*http.Response, error) { return nil, lost }))
	for name, err := range failures(t.Context(), app) {
		if !errors.Is(err, lost) || err.Error() != "GitHub cannot be reached: dial tcp 192.0.2.1:443: connection refused" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// failures are the errors of everything an App can do, by name.
func failures(ctx context.Context, app *installation.App) map[string]error {
	_, list := app.Installations(ctx)
	_, one := app.Installation(ctx, 7)
	_, mint := app.Mint(ctx, 7, installation.Narrowing{})
	return map[string]error{"Installations": list, "Installation": one, "Mint": mint}
}
