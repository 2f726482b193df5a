package policy_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"octopool/policy"
)

func basic(userinfo string) string {
	return base64.StdEncoding.EncodeToString([]byte(userinfo))
}

// statelessToken has the form and length of today's installation tokens.
var statelessToken = "ghs_12345_eyJhbGciOiJSUzI1NiJ9." + strings.Repeat("eyJ-_a", 60) + "." + strings.Repeat("Zm9v_-", 20)

func TestTokenFrom(t *testing.T) {
	for _, tt := range []struct{ client, header, want string }{
		{"gh, PyGithub", "token ghp_x", "ghp_x"},
		{"go-github, Terraform", "Bearer ghp_x", "ghp_x"},
		{"octokit, dotted token", "bearer " + statelessToken, statelessToken},
		{"git with a credential helper", "Basic " + basic("me:ghp_x"), "ghp_x"},
		{"actions/checkout", "basic " + basic("x-access-token:"+statelessToken), statelessToken},
		{"curl -u TOKEN:", "Basic " + basic("ghp_x:"), "ghp_x"},
		{"legacy OAuth", "Basic " + basic("gho_x:x-oauth-basic"), "gho_x"},
		{"the other way round", "Basic " + basic("x-oauth-basic:gho_x"), "gho_x"},
		{"a colon in the password", "Basic " + basic("me:a:b"), "a:b"},
		{"without padding", "Basic " + strings.TrimRight(basic("me:ghp_xy"), "="), "ghp_xy"},
		{"capitals", "TOKEN ghp_x", "ghp_x"},
		{"more spaces", "  Bearer \t ghp_x\t ", "ghp_x"},

		{"empty", "", ""},
		{"scheme alone", "Bearer", ""},
		{"unset variable", "token ", ""},
		{"no scheme", "ghp_x", ""},
		{"another scheme", "Digest ghp_x", ""},
		{"Basic without colon", "Basic " + basic("ghp_x"), ""},
		{"Basic with nothing", "Basic " + basic(":"), ""},
		{"Basic with the marker alone", "Basic " + basic(":x-oauth-basic"), ""},
		{"no base64", "Basic ghp_x:", ""},
	} {
		got, ok := policy.TokenFrom(tt.header)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: TokenFrom(%q) = %q, %v; want %q", tt.client, tt.header, got, ok, tt.want)
		}
	}
}

// ok is true exactly when there is a token, and every token survives a trip
// through every form.
func FuzzTokenFrom(f *testing.F) {
	for _, seed := range []string{"token ghp_x", "bearer " + statelessToken, "Basic " + basic("a:b"), "basic " + basic(":"), "Basic =", "Bearer  \t", "\t", "basic Og"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		token, ok := policy.TokenFrom(header)
		if ok != (token != "") {
			t.Fatalf("TokenFrom(%q) = %q, %v", header, token, ok)
		}
		if !ok {
			return
		}
		forms := []string{"Basic " + basic("user:"+token)}
		if token == "x-oauth-basic" { // no password, so no token either
			forms = nil
		}
		if token == strings.Trim(token, " \t") {
			forms = append(forms, "token "+token, "BEARER "+token)
		}
		if !strings.Contains(token, ":") {
			forms = append(forms, "basic "+basic(token+":"), "Basic "+basic(token+":x-oauth-basic"))
		}
		for _, form := range forms {
			if again, ok := policy.TokenFrom(form); !ok || again != token {
				t.Errorf("TokenFrom(%q) = %q, %v; want %q", form, again, ok, token)
			}
		}
	})
}

func TestDigest(t *testing.T) {
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	d := policy.DigestOf("abc")
	if d.String() != abc {
		t.Errorf("DigestOf(abc) = %s", d)
	}
	for _, text := range []string{abc, strings.ToUpper(abc)} {
		if got, err := policy.ParseDigest(text); err != nil || got != d {
			t.Errorf("ParseDigest(%s) = %s, %v", text, got, err)
		}
	}
	asJSON, err := json.Marshal(d)
	var back policy.Digest
	if err != nil || json.Unmarshal(asJSON, &back) != nil || back != d {
		t.Errorf("JSON %s, %v, does not come back", asJSON, err)
	}
}

// A token in the place of its digest is named for what it is, and not repeated.
func TestParseDigestKeepsWrongTextToItself(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "have 0 characters"},
		{"ghp_hunter2", "looks like a token"},
		{"octopool_hunter2", "looks like a token"},
		{"github_pat_" + strings.Repeat("h", 53), "looks like a token"},
		{strings.Repeat("h", 64), "something else"},
		{strings.Repeat("a", 63), "have 63 characters"},
	} {
		d, err := policy.ParseDigest(tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) || tt.text != "" && strings.Contains(err.Error(), tt.text) {
			t.Errorf("ParseDigest(%q): %v, want %q", tt.text, err, tt.want)
		}
		if d != (policy.Digest{}) {
			t.Errorf("ParseDigest(%q) = %s besides its error", tt.text, d)
		}
	}
}

func TestNewTokenHasGitHubsShape(t *testing.T) {
	for prefix, shape := range map[string]string{
		"ghp_":        `^ghp_[A-Za-z0-9]{36}$`,
		"gho_":        `^gho_[A-Za-z0-9]{36}$`,
		"ghu_":        `^ghu_[A-Za-z0-9]{36}$`,
		"ghs_":        `^ghs_[A-Za-z0-9.\-_]{36,}$`,
		"github_pat_": `^github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}$`,
		"octopool_":   `^octopool_[A-Za-z0-9]{36,}$`,
	} {
		token, err := policy.NewToken(prefix, rand.Reader)
		if err != nil || !regexp.MustCompile(shape).MatchString(token) {
			t.Errorf("NewToken(%q) = %q, %v; want %s", prefix, token, err, shape)
		}
		if !policy.MadeHere(token) || !policy.LooksLikeToken(token) {
			t.Errorf("octopool does not know its own token with %s", prefix)
		}
		other, _ := policy.NewToken(prefix, rand.Reader)
		if token == other {
			t.Errorf("NewToken(%q) made %q twice", prefix, token)
		}
	}
	if policy.MadeHere("ghp_"+strings.Repeat("x", 36)) || policy.LooksLikeToken("GITHUB_PAT_BOT") {
		t.Error("what is not made here is taken for it")
	}
	for _, prefix := range []string{"", "ghr_", "ghp", "GHP_", "xyz_"} {
		if token, err := policy.NewToken(prefix, rand.Reader); err == nil {
			t.Errorf("NewToken(%q) = %q, want an error", prefix, token)
		}
	}
}

// At least 32 characters are drawn evenly from 62: 190 bits.
func TestNewTokenIsEven(t *testing.T) {
	bytes256 := make([]byte, 256)
	for i := range bytes256 {
		bytes256[i] = byte(i)
	}
	random := bytes.NewReader(bytes.Repeat(bytes256, 200))
	count := map[rune]int{}
	for range 124 { // 124 times 32 is 64 times 62
		token, err := policy.NewToken("ghs_", random)
		if err != nil {
			t.Fatal(err)
		}
		drawn := token[len(token)-32:]
		for _, c := range drawn {
			count[c]++
		}
	}
	for c, n := range count {
		if n != 64 {
			t.Errorf("%c was drawn %d times, want 64", c, n)
		}
	}
	if len(count) != 62 {
		t.Errorf("%d characters were drawn, want 62", len(count))
	}
}

func TestNewTokenNeedsItsRandomBytes(t *testing.T) {
	broken := errors.New("broken")
	if token, err := policy.NewToken("ghs_", iotest.ErrReader(broken)); !errors.Is(err, broken) || token != "" {
		t.Errorf("NewToken = %q, %v; want the reader's error", token, err)
	}
	if token, err := policy.NewToken("ghs_", bytes.NewReader(make([]byte, 8))); err == nil {
		t.Errorf("NewToken = %q from 8 bytes", token)
	}
}
