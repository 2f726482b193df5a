package config

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// keyPEM is an App's private key as GitHub hands it out.
func keyPEM(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// apps names the Apps of settings; with them goes whether each has this key.
func apps(s Settings, key string) string {
	var out []string
	for _, c := range s.Credentials {
		if c.App.Issuer == "" {
			out = append(out, c.Name+" is none")
			continue
		}
		lacks := ""
		if strings.TrimSpace(c.App.Key.Reveal()) != strings.TrimSpace(key) {
			lacks = " with another key"
		}
		out = append(out, fmt.Sprintf("%s/%s@%s=%s/%d%s", c.Pool, c.Name, c.GitHub, c.App.Issuer, c.App.Installation, lacks))
	}
	return strings.Join(out, " ")
}

func TestAppsOfTheEnvironment(t *testing.T) {
	key := keyPEM(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "acme.pem")
	if err := os.WriteFile(path, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	pem := "GITHUB_APP_ACME_PEM=" + key
	acme := table("name", "acme", "app_id", int64(7), "private_key", "env:GITHUB_APP_ACME_PEM")
	for _, tt := range []struct {
		claim   string
		tree    map[string]any
		environ []string
		want    string
	}{
		{"an app id and a key; all installations", nil,
			[]string{pem, "GITHUB_APP_ACME_ID=12345"}, "default/acme@github.com=12345/0"},
		{"a client id, one installation, a name of two words", nil,
			[]string{"GITHUB_APP_TWO_WORDS_PEM=" + key, "GITHUB_APP_TWO_WORDS_ID=Iv23liAbc", "GITHUB_APP_TWO_WORDS_INSTALLATION_ID=67\n"}, "default/two_words@github.com=Iv23liAbc/67"},
		{"a key on one line", nil,
			[]string{"GITHUB_APP_ACME_PEM=" + strings.ReplaceAll(key, "\n", `\n`), "GITHUB_APP_ACME_ID=1"}, "default/acme@github.com=1/0"},
		{"a key on one line that came from Windows", nil,
			[]string{"GITHUB_APP_ACME_PEM=" + strings.ReplaceAll(key, "\n", `\r\n`), "GITHUB_APP_ACME_ID=1"}, "default/acme@github.com=1/0"},
		{"the key's file", nil,
			[]string{"GITHUB_APP_ACME_PEM=" + path, "GITHUB_APP_ACME_ID=1"}, "default/acme@github.com=1/0"},
		{"the key's file, as a reference", nil,
			[]string{"GITHUB_APP_ACME_PEM=file:acme.pem", "GITHUB_APP_ACME_ID=1"}, "default/acme@github.com=1/0"},
		{"beside GITHUB_PAT_NAME, and instead of GITHUB_TOKEN", nil,
			[]string{"GITHUB_TOKEN=a", "GITHUB_PAT_BOT=b", pem, "GITHUB_APP_ACME_ID=1"}, "default/acme@github.com=1/0 bot is none"},
		{"the file's own is not added again, whatever else is set", table("credential", tables(acme)),
			[]string{pem, "GITHUB_APP_ACME_ID=8", "GITHUB_APP_ACME_INSTALLATION_ID=9"}, "default/acme@github.com=7/0"},
		{"for github.com among several", table("github", tables(table("host", "git.example.com"), table("host", "github.com"))),
			[]string{pem, "GITHUB_APP_ACME_ID=1"}, "default/acme@github.com=1/0"},
		{"other programs' variables are no App", nil,
			[]string{"GITHUB_TOKEN=a", "GITHUB_APP_ID=1", "GITHUB_APP_INSTALLATION_ID=2", "GITHUB_APP_CLIENT_ID=Iv23", "GITHUB_APP_PEM=x", "GITHUB_APP_NONE_ID="}, "github-token is none"},
	} {
		if got := apps(settled(t, NewSource("", "", tt.tree), tt.environ...), key); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.claim, got, tt.want)
		}
	}
}

func TestAppsOfTheEnvironmentThatCannotBe(t *testing.T) {
	key := "GITHUB_APP_ACME_PEM=" + keyPEM(t)
	for _, tt := range []struct {
		claim   string
		tree    map[string]any
		environ []string
		want    string
	}{
		{"without a key", nil, []string{"GITHUB_APP_ACME_ID=1"},
			"octopool: GITHUB_APP_ACME_PEM is not set; an App needs it beside GITHUB_APP_ACME_ID"},
		{"without an id", nil, []string{key},
			"octopool: GITHUB_APP_ACME_ID is not set; an App needs it beside GITHUB_APP_ACME_PEM"},
		{"with an installation alone", nil, []string{"GITHUB_APP_ACME_INSTALLATION_ID=1"},
			"octopool: GITHUB_APP_ACME_ID is not set; an App needs it beside GITHUB_APP_ACME_PEM\n" +
				"octopool: GITHUB_APP_ACME_PEM is not set; an App needs it beside GITHUB_APP_ACME_ID"},
		{"an id that is none", nil, []string{key, "GITHUB_APP_ACME_ID=-1"},
			"octopool: GITHUB_APP_ACME: an app_id is a number above 0"},
		{"a sentence for an id", nil, []string{key, "GITHUB_APP_ACME_ID=the id"},
			`octopool: GITHUB_APP_ACME: this is not the client id of an App, such as "Iv23liAbCdEf"`},
		{"an installation that is none", nil, []string{key, "GITHUB_APP_ACME_ID=1", "GITHUB_APP_ACME_INSTALLATION_ID=acme"},
			"octopool: GITHUB_APP_ACME_INSTALLATION_ID is not a number above 0; without it all installations of the App are used"},
		{"a token for a key", nil, []string{"GITHUB_APP_ACME_ID=1", "GITHUB_APP_ACME_PEM=ghp_secret"},
			"octopool: GITHUB_APP_ACME_PEM: an App signs with the RSA private key that GitHub made for it, in PEM; this is no PEM"},
		{"a file that is not there", nil, []string{"GITHUB_APP_ACME_ID=1", "GITHUB_APP_ACME_PEM=/nowhere/acme.pem"},
			"octopool: open /nowhere/acme.pem: no such file or directory"},
		{"a name of the file's", table("credential", tables(table("name", "acme", "pat", "env:X"))), []string{"X=x", key, "GITHUB_APP_ACME_ID=1"},
			`octopool: credential[0].name: GITHUB_APP_ACME in the environment is a credential acme too; rename this one, or let its private_key be "env:GITHUB_APP_ACME_PEM"`},
		{"a name that a token has", nil, []string{key, "GITHUB_APP_ACME_ID=1", "GITHUB_PAT_ACME=x"},
			"octopool: GITHUB_PAT_ACME: there are two of this name, acme"},
		{"nobody knows which GitHub", table("github", tables(table("host", "a.example"), table("host", "b.example"))), []string{key, "GITHUB_APP_ACME_ID=1"},
			"octopool: GITHUB_APP_ACME: which GitHub is it for? set github to the host of a [[github]]"},
	} {
		s := NewSource("", "", tt.tree)
		_, problems := s.Settle(append(tt.environ, "HOME=/home/bot"))
		if err := s.Wrong(problems); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.claim, err, tt.want)
		}
	}
}

// TestAppsOfTheFile: a key may come from a file beside it or from a variable.
func TestAppsOfTheFile(t *testing.T) {
	key := keyPEM(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "acme.pem"), []byte("\n"+strings.ReplaceAll(key, "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	s := settled(t, NewSource(filepath.Join(dir, "octopool.toml"), "", table("credential", tables(
		table("name", "every", "client_id", "Iv23liAbc", "private_key", "env:KEY", "pool", "apps"),
		table("name", "one", "app_id", int64(12345), "installation_id", int64(67), "private_key", "env:KEY"),
	))), "KEY="+key)
	if got, want := apps(s, key), "apps/every@github.com=Iv23liAbc/0 default/one@github.com=12345/67"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s = settled(t, NewSource(filepath.Join(dir, "octopool.toml"), "", table("credential", tables(
		table("name", "acme", "app_id", int64(1), "private_key", "file:acme.pem", "owners", []any{"acme"}),
	))))
	if got, want := apps(s, strings.ReplaceAll(key, "\n", "\r\n")), "default/acme@github.com=1/0"; got != want || s.Credentials[0].Owners[0] != "acme" {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestAKeyThatEverybodyCanRead is told of, and used: secrets mounted into a container
// are often such.
func TestAKeyThatEverybodyCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.pem")
	if err := os.WriteFile(path, []byte(keyPEM(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode][]string{
		0o600: nil, 0o640: nil,
		0o644: {path + " is a secret that every user of this machine can read; run: chmod 600 " + path},
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		for _, s := range []Settings{
			settled(t, NewSource("", "", table("credential", tables(table("name", "acme", "app_id", int64(1), "private_key", "file:"+path))))),
			settled(t, NewSource("", "", nil), "GITHUB_APP_ACME_ID=1", "GITHUB_APP_ACME_PEM="+path),
		} {
			if !slices.Equal(s.Warnings, want) {
				t.Errorf("mode %o: %q, want %q", mode, s.Warnings, want)
			}
			if told := strings.Contains(s.String(), "chmod 600"); told != (want != nil) {
				t.Errorf("mode %o: check says\n%s", mode, s)
			}
		}
	}
}

// TestKeysAreHiddenFromPrograms, and need not be there to look for an octopool.
func TestKeysAreHiddenFromPrograms(t *testing.T) {
	tree := table("credential", tables(table("name", "x", "app_id", int64(1), "private_key", "env:KEY")), "cache", table("backend", "redis", "url", "env:REDIS"))
	places, problems := NewSource("", "", tree).Places([]string{"HOME=/home/bot", "GITHUB_APP_A_ID=1", "GITHUB_APP_A_PEM=x", "GITHUB_APP_B_PEM=/b.pem", "GITHUB_APP_C_ID=1"})
	if len(problems) > 0 {
		t.Error(problems)
	}
	if diff := cmp.Diff([]string{"REDIS", "KEY", "GITHUB_APP_A_PEM", "GITHUB_APP_B_PEM"}, places.SecretVariables); diff != "" {
		t.Error(diff)
	}
}
