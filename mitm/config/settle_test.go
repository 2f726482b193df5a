package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"octopool/policy"
)

// settled are the settings of a source in which nothing may be wrong.
func settled(t *testing.T, s Source, environ ...string) Settings {
	t.Helper()
	settings, problems := s.Settle(append([]string{"HOME=/home/bot"}, environ...))
	if err := s.Wrong(problems); err != nil {
		t.Fatal(err)
	}
	return settings
}

// credentials names them, with their tokens.
func credentials(s Settings) string {
	var out []string
	for _, c := range s.Credentials {
		out = append(out, fmt.Sprintf("%s/%s@%s=%s", c.Pool, c.Name, c.GitHub, c.Token.Reveal()))
	}
	return strings.Join(out, " ")
}

func table(pairs ...any) map[string]any {
	t := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		t[pairs[i].(string)] = pairs[i+1]
	}
	return t
}

func tables(all ...map[string]any) []map[string]any { return all }

func TestCredentialsOfTheEnvironment(t *testing.T) {
	bot := tables(table("name", "bot", "pat", "env:GITHUB_PAT_BOT"))
	for _, tt := range []struct {
		claim   string
		tree    map[string]any
		environ []string
		want    string
	}{
		{"GITHUB_TOKEN where there is nothing else", nil,
			[]string{"GITHUB_TOKEN=a"}, "default/github-token@github.com=a"},
		{"not beside GITHUB_PAT_NAME; empty ones are none", nil,
			[]string{"GITHUB_PAT_ZED=z", "GITHUB_TOKEN=a", "GITHUB_PAT_TWO_WORDS=b", "GITHUB_PAT_NONE=", "GITHUB_PAT_=x"},
			"default/two_words@github.com=b default/zed@github.com=z"},
		{"the file's own is not added again", table("credential", bot),
			[]string{"GITHUB_PAT_BOT=b", "GITHUB_TOKEN=a"}, "default/bot@github.com=b"},
		{"others are added to the file's", table("credential", bot),
			[]string{"GITHUB_PAT_BOT=b", "GITHUB_PAT_HUB=h"}, "default/bot@github.com=b default/hub@github.com=h"},
		{"for the one GitHub there is", table("github", tables(table("host", "git.example.com"))),
			[]string{"GITHUB_TOKEN=a"}, "default/github-token@git.example.com=a"},
		{"for github.com among several", table("github", tables(table("host", "git.example.com"), table("host", "GitHub.com"))),
			[]string{"GITHUB_TOKEN=a"}, "default/github-token@github.com=a"},
		{"without the line break a secret store leaves", nil,
			[]string{"GITHUB_TOKEN=a\n"}, "default/github-token@github.com=a"},
	} {
		s := NewSource("", "", tt.tree)
		if got := credentials(settled(t, s, tt.environ...)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.claim, got, tt.want)
		}
	}
}

func TestCredentialsThatCannotBe(t *testing.T) {
	minted, err := policy.NewToken("ghs_", strings.NewReader(strings.Repeat("octopool", 100)))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		claim   string
		tree    map[string]any
		environ []string
		want    string
	}{
		{"none at all", nil, nil, "octopool: no credential: set GITHUB_TOKEN or GITHUB_PAT_NAME, or add a [[credential]]"},
		{"two names that are one", nil, []string{"GITHUB_PAT_BOT=a", "GITHUB_PAT_bot=b"},
			"octopool: GITHUB_PAT_bot: there are two of this name, bot"},
		{"a name of the file's", table("credential", tables(table("name", "bot", "pat", "env:X"))), []string{"X=x", "GITHUB_PAT_BOT=b"},
			`octopool: credential[0].name: GITHUB_PAT_BOT in the environment is a credential bot too; rename this one, or let its pat be "env:GITHUB_PAT_BOT"`},
		{"nobody knows which GitHub", table("github", tables(table("host", "a.example"), table("host", "b.example"))), []string{"GITHUB_TOKEN=a"},
			"octopool: GITHUB_TOKEN: which GitHub is it for? set github to the host of a [[github]]"},
		{"octopool in octopool", nil, []string{"GITHUB_TOKEN=" + minted},
			"octopool: GITHUB_TOKEN: this is the token of an octopool client, not of GitHub"},
		{"two lines", nil, []string{"GITHUB_TOKEN=ghp_a\nghp_b"},
			"octopool: the secret that env:GITHUB_TOKEN names holds a character that no token has"},
	} {
		s := NewSource("", "", tt.tree)
		_, problems := s.Settle(append(tt.environ, "HOME=/home/bot"))
		if err := s.Wrong(problems); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.claim, err, tt.want)
		}
	}
}

func TestRelativePathsStartAtTheFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bot.pat"), []byte("ghp_bot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := NewSource(filepath.Join(dir, "octopool.toml"), "", table("data_dir", "data", "credential", tables(table("name", "bot", "pat", "file:bot.pat"))))
	settings := settled(t, s)
	if want := filepath.Join(dir, "data"); settings.DataDir != want {
		t.Errorf("data_dir is %s, want %s", settings.DataDir, want)
	}
	if got := credentials(settings); got != "default/bot@github.com=ghp_bot" {
		t.Error(got)
	}
}

func TestWhereStateIsKept(t *testing.T) {
	for _, tt := range []struct {
		environ []string
		want    string
	}{
		{[]string{"HOME=/home/bot"}, "/home/bot/.local/state/octopool"},
		{[]string{"HOME=/home/bot", "XDG_STATE_HOME=/state"}, "/state/octopool"},
		{[]string{"HOME=/home/bot", "XDG_STATE_HOME=state"}, "/home/bot/.local/state/octopool"}, // the specification has it so
		{nil, ""},
	} {
		places, problems := NewSource("", "", nil).Places(tt.environ)
		if tt.want == "" {
			if len(problems) != 1 || problems[0].Key != "data_dir" {
				t.Errorf("without a home: %v", problems)
			}
		} else if places.DataDir != tt.want || len(problems) > 0 {
			t.Errorf("%v: %s, %v, want %s", tt.environ, places.DataDir, problems, tt.want)
		}
	}
}

// TestPlacesNeedNoSecrets: in another terminal, or as another user, they are not there.
func TestPlacesNeedNoSecrets(t *testing.T) {
	tree := table(
		"admin", table("token", "env:ADMIN"),
		"credential", tables(table("name", "bot", "pat", "env:BOT")),
		"client", tables(table("name", "ci", "token", "env:CI")))
	places, problems := NewSource("", "", tree).Places([]string{"HOME=/home/bot", "GITHUB_PAT_X=x"})
	if len(problems) > 0 {
		t.Error(problems)
	}
	if diff := cmp.Diff([]string{"ADMIN", "BOT", "GITHUB_PAT_X", "CI"}, places.SecretVariables); diff != "" {
		t.Errorf("what programs must not see: %s", diff)
	}
	if places.ProxyListen != "127.0.0.1:8080" || len(places.GitHubs) != 1 {
		t.Errorf("%+v", places)
	}
}

func TestTunnelsWithoutRules(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "[*]", "[::1]:8080": "[*]", "localhost:8080": "[*]",
		"0.0.0.0:8080": "[github]", ":8080": "[github]", "10.0.0.7:8080": "[github]",
	} {
		s := NewSource("", "", table("proxy", table("listen", listen)))
		if got := fmt.Sprint(settled(t, s, "GITHUB_TOKEN=a").Egress.Allow); got != want {
			t.Errorf("a proxy at %s lets to %s, want %s", listen, got, want)
		}
	}
	s := NewSource("", "", table("tunnel", table("allow", []any{})))
	if got := settled(t, s, "GITHUB_TOKEN=a").Egress.Allow; got == nil || len(got) != 0 {
		t.Errorf("an empty list lets to %v", got)
	}
}

// TestOneThingIsToldOnce: a misspelled key is not told again as a missing one.
func TestOneThingIsToldOnce(t *testing.T) {
	text := "[[credential]]\nname = \"bot\"\npatt = \"env:X\"\n[[client]]\nname = \"ci\"\n"
	s := NewSource("f.toml", text, table(
		"credential", tables(table("name", "bot", "patt", "env:X")),
		"client", tables(table("name", "ci"))))
	_, problems := s.SettleToServe([]string{"HOME=/home/bot"})
	want := "f.toml:3: credential[0].patt: unknown key; did you mean credential.pat?\n" +
		"f.toml:4: client[0]: client ci has neither token_sha256 nor token; `octopool client new` makes one"
	if err := s.Wrong(problems); err == nil || err.Error() != want {
		t.Errorf("%v\nwant:\n%s", err, want)
	}
}

func TestMessagesOfTheParserLoseValues(t *testing.T) {
	for message, want := range map[string]string{
		`expected value but found "ghp_secret" instead`:         `expected value but found this text instead`,
		`Invalid integer "0123abc": cannot have leading zeroes`: `Invalid integer this text: cannot have leading zeroes`,
		`invalid float: '1e5abc'`:                               `invalid float: this text`,
		`Key 'client.name' has already been defined.`:           `Key 'client.name' has already been defined.`,
		`expected '.' or '=', but got '\n' instead`:             `expected '.' or '=', but got '\n' instead`,
		`expected a digit but got 'x'`:                          `expected a digit but got 'x'`,
	} {
		if got := Unquoted(message); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", message, got, want)
		}
	}
}
