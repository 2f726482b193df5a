package installation_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"octopool/policy/pool/installation"
)

// minted is GitHub's answer with a token that lives for an hour.
func minted(token string) string {
	return fmt.Sprintf(`{"token":%q,"expires_at":%q,"permissions":{"contents":"read","metadata":"read"},"repository_selection":"all"}`,
		token, noon.Add(time.Hour).Format(time.RFC3339))
}

// A token is handed on as it came, however long it is and whatever dots are in it.
func TestTokenIsOpaque(t *testing.T) {
	for _, text := range []string{
		"ghs_16C7e42F292c6912E7710c838347Ae178B4a",
		"v1.1f699f1069f60xxx",
		"ghs_12345_" + strings.Repeat("eyJhbGciOi", 30) + "." + strings.Repeat("x-_", 80) + "." + strings.Repeat("y", 60),
		strings.Repeat("z", 8<<10),
	} {
		token, err := appBy(t, answering(201, minted(text))).Mint(t.Context(), 7, installation.Narrowing{})
		if err != nil || token.Text.Reveal() != text || !token.Expires.Equal(noon.Add(time.Hour)) {
			t.Errorf("%d bytes: %d bytes until %s, %v", len(text), len(token.Text.Reveal()), token.Expires, err)
		}
	}
}

// What says it is a token and is none is an error, in words that hold nothing of it.
func TestNotAToken(t *testing.T) {
	const unreadable = "GitHub's answer is not a token"
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "", "GitHub's answer is empty"},
		{"blank", " \r\n\t", "GitHub's answer is empty"},
		{"null", "null", "GitHub's answer is not the JSON that was asked for"},
		{"a list", "[]", "GitHub's answer is not the JSON that was asked for"},
		{"a page", "<html>hunter2</html>", "GitHub's answer is not the JSON that was asked for"},
		{"an empty object", "{}", unreadable},
		{"an empty token", minted(""), unreadable},
		{"a number for a token", `{"token":12345678,"expires_at":"2026-11-23T13:00:00Z"}`, unreadable},
		{"no end of life", `{"token":"ghs_hunter2"}`, "GitHub's answer is a token that has expired"},
		{"an end that is no time", `{"token":"ghs_hunter2","expires_at":"ghs_hunter2"}`, unreadable},
		{"an end that has come", `{"token":"ghs_hunter2","expires_at":"2026-11-23T12:00:00Z"}`, "GitHub's answer is a token that has expired"},
		{"a token that ends a header", minted("ghs_hunter2\r\nX-Evil: 1"), unreadable},
		{"a token with a space", minted("ghs_ hunter2"), unreadable},
		{"a token that is not ASCII", minted("ghs_hünter2"), unreadable},
		{"an endless token", minted(strings.Repeat("z", 17<<10)), unreadable},
		{"half an answer", minted("ghs_hunter2")[:60], unreadable},
	} {
		_, err := appBy(t, answering(201, tt.body)).Mint(t.Context(), 7, installation.Narrowing{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// An answer without end is given up, not kept in memory; of a refusal without end not
// even the message is looked for.
func TestEndlessAnswer(t *testing.T) {
	for _, tt := range []struct {
		status, atMost int
		want           string
	}{
		{201, 17 << 20, "GitHub's answer is larger than 16777216 bytes"},
		{500, 128 << 10, "GitHub answered 500"},
	} {
		var read int
		endless := sender(func(*http.Request) (*http.Response, error) {
			body := reader(func(p []byte) (int, error) {
				if read > 64<<20 {
					return 0, io.EOF
				}
				read += len(p)
				return copy(p, bytes.Repeat([]byte(" "), len(p))), nil
			})
			start := io.MultiReader(strings.NewReader(`{"token":`), body)
			return &http.Response{StatusCode: tt.status, Body: io.NopCloser(start)}, nil
		})
		_, err := appBy(t, endless).Mint(t.Context(), 7, installation.Narrowing{})
		if err == nil || err.Error() != tt.want || read > tt.atMost {
			t.Errorf("%d, after %d bytes: %v", tt.status, read, err)
		}
	}
}

// When this machine's clock is behind GitHub's, a token ends when GitHub's clock says so
// and not later. When it is ahead, the token ends a little early.
func TestExpiresByOwnClock(t *testing.T) {
	for _, tt := range []struct {
		behind, want time.Duration // from noon on this machine's clock
	}{
		{0, time.Hour},
		{4 * time.Minute, 56 * time.Minute},
		{-4 * time.Minute, time.Hour},
		{3 * time.Hour, time.Hour}, // then whoever wrote the Date did not judge the JWT
	} {
		app := appBy(t, answering(201, minted("ghs_1"), "Date: "+noon.Add(tt.behind).Format(http.TimeFormat)))
		token, err := app.Mint(t.Context(), 7, installation.Narrowing{})
		if err != nil || !token.Expires.Equal(noon.Add(tt.want)) {
			t.Errorf("%s behind: %s, %v", tt.behind, token.Expires, err)
		}
	}
}

// A list that did not come is not an empty one: the App's installations would be gone.
func TestNotAList(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{"", "GitHub's answer is empty"},
		{"null", "GitHub's answer is not the JSON that was asked for"},
		{"{}", "GitHub's answer is not the JSON that was asked for"},
		{`[{"id":7}`, "GitHub's answer is not a list of installations"},
		{`[{"id":"7"}]`, "GitHub's answer is not a list of installations"},
		{`[null]`, "GitHub sent an installation without an id"},
		{`[{"account":{"login":"acme"}}]`, "GitHub sent an installation without an id"},
	} {
		found, err := appBy(t, answering(200, tt.body)).Installations(t.Context())
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, %v, want %s", tt.body, found, err, tt.want)
		}
	}
	found, err := appBy(t, answering(200, "[]")).Installations(t.Context())
	if err != nil || len(found) != 0 {
		t.Errorf("an App installed nowhere: %v, %v", found, err)
	}
}

// Nothing that GitHub, or what stands in its place, can answer gets a part of the JWT or
// of a token into an error: it may repeat what was sent, or refuse with a token.
func TestErrorsHoldNoSecret(t *testing.T) {
	var jwt string
	token := "ghs_16C7e42F292c6912E7710c838347Ae178B4a"
	for _, form := range []struct {
		name   string
		status int
		body   string
	}{
		{"repeated", 400, `{"message":"bad header: %s"}`},
		{"quoted", 401, `{"message":"\"%s\""}`},
		{"among others", 403, `{"message":"a=%s&b"}`},
		{"instead of a token", 201, `{"token":{"a":"%s"}}`},
		{"for a time", 201, `{"token":"x","expires_at":"%s"}`},
		{"for an id", 200, `[{"id":"%s"}]`},
		{"as the answer", 200, `%s`},
	} {
		for _, secret := range []func() string{func() string { return jwt }, func() string { return token }} {
			app := appBy(t, sender(func(r *http.Request) (*http.Response, error) {
				jwt = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
				return answering(form.status, fmt.Sprintf(form.body, secret()))(r)
			}))
			for name, err := range failures(t.Context(), app) {
				if err == nil {
					t.Errorf("%s, %s: no error", form.name, name)
					continue
				}
				noSecretIn(t, fmt.Sprintf("%v %+v %#v", err, err, err), jwt, token)
			}
		}
	}
	app := appBy(t, sender(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("malformed HTTP response %q", r.Header.Get("Authorization")+token)
	}))
	for _, err := range failures(t.Context(), app) {
		noSecretIn(t, err.Error(), jwt, token)
	}
}

// noSecretIn looks for any third of a secret.
func noSecretIn(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		for part := range strings.SplitSeq(secret, ".") {
			for n := len(part) / 3; len(part) >= n && n > 0; part = part[n:] {
				if strings.Contains(text, part[:n]) {
					t.Errorf("%q is in %q", part[:n], text)
				}
			}
		}
	}
}

// Whatever the answer to a mint is, there is either a token that a header can carry and
// that has not expired, or an error in one printable line without the token.
func FuzzMinted(f *testing.F) {
	for _, body := range []string{
		"", "null", "{}", "[]", minted("ghs_1"), minted("ghs_1\n"), `{"token":"ghs_16C7e42F292c6912E7710c838347Ae178B4a","expires_at":7}`,
		`{"message":"Bad credentials"}`, `{"token":"a","expires_at":"2026-11-23T13:00:00Z","repositories":[{"id":1}],"permissions":{"contents":1}}`,
	} {
		f.Add(201, body, "Mon, 23 Nov 2026 12:00:00 GMT")
		f.Add(401, body, "Mon, 23 Nov 2026 13:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, status int, body, date string) {
		if status < 200 || status > 599 { // what net/http never hands on
			return
		}
		app := appBy(t, answering(status, body, "Date: "+date))
		token, err := app.Mint(t.Context(), 7, installation.Narrowing{})
		if err == nil {
			text := token.Text.Reveal()
			if status/100 != 2 || text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) || !token.Expires.After(noon) {
				t.Fatalf("%d minted %q until %s", status, text, token.Expires)
			}
			return
		}
		if refused, ok := errors.AsType[*installation.Refused](err); ok != (status/100 != 2) || ok && (refused.Status != status || refused.Cause == "") {
			t.Errorf("%d: %#v", status, err)
		}
		if line := err.Error(); len(line) > 2000 || strings.ContainsAny(line, "\r\n\x00\x1b") || strings.Contains(line, "ghs_16C7") {
			t.Errorf("the error is %q", line)
		}
	})
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }
