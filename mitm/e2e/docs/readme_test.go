package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// prelude is what the shell of a section knows beside what is in its blocks. A reader
// starts octopool in a terminal of its own, or as a service, and goes on when it says that it
// serves; and copies the token that it shows.
const prelude = `
set -euo pipefail
section=$HOME
export GITHUB_ENV=~/.github-env
touch "$GITHUB_ENV"
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
octopool() {
	case "$1 ${2-}" in
	serve*)
		rm -f ~/.serving && mkfifo ~/.serving
		command octopool "$@" >~/.said 2> >(tee -p -a ~/.log >~/.serving) &
		grep -q '"msg":"serving"' <~/.serving || { cat ~/.log; return 1; }
		;;
	"client new") command octopool "$@" 2>~/.said ;;
	*)
		command octopool "$@"
		return
		;;
	esac
	cat ~/.said >&2
	local token
	token=$(grep -o -m 1 'github_pat_octo[A-Za-z0-9_]*' ~/.said) || return 0
	export OCTOPOOL_CLIENT_TOKEN=$token
}
curl() { command curl --fail-with-body -sS "$@"; }
sudo() { "$@"; }
`

// shown is what a section's blocks must have shown beside ending well: by what
// they printed, and by what GitHub saw, as METHOD HOST/PATH STATUS LOGIN POINTS.
type shown struct {
	printed []string
	github  []string
}

// TestReadme runs the blocks of each section, from the first to the last, in a shell of
// somebody whose home is empty. GitHub is never shown a client's token by that.
func TestReadme(t *testing.T) {
	m := newMachine(t)
	all := readme(t)
	var sections []string
	for _, b := range all {
		if !slices.Contains(sections, b.section) {
			sections = append(sections, b.section)
		}
	}
	for name := range claims() {
		if !slices.Contains(sections, name) {
			t.Errorf("README.md has no section %q with a block to run", name)
		}
	}
	for _, section := range sections {
		t.Run(section, func(t *testing.T) {
			home := t.TempDir()
			for _, folder := range []string{"/opt", "/var/lib", "/etc/octopool"} {
				clear(t, folder)
			}
			m.secrets(t)
			script := prelude
			if section == "Quick start" {
				m.checkout(t, filepath.Join(home, "octopool"))
				root, err := filepath.Abs("../../..")
				must(t, err)
				// In the same place, so that Go need not compile again what has not changed.
				script += "mount --bind octopool " + root + "\ncd " + root + "\n"
				defer exec.Command("umount", root).Run()
			}
			for _, b := range sequence(all, section) {
				part, err := m.part(b)
				if err != nil {
					t.Fatalf("README.md:%d: %v", b.line, err)
				}
				script += fmt.Sprintf("echo '# README.md:%d' >&2\n%s\n", b.line, part)
			}
			before, gheBefore := len(m.github.Seen()), len(m.ghe.Seen())
			output, err := m.run(t, home, script)
			t.Log(output)
			if err != nil {
				log, _ := os.ReadFile(filepath.Join(home, ".log"))
				t.Fatalf("%v; octopool's log:\n%s", err, log)
			}
			var seen strings.Builder
			for _, s := range m.github.Seen()[before:] {
				fmt.Fprintln(&seen, s.String())
			}
			for _, s := range m.ghe.Seen()[gheBefore:] {
				fmt.Fprintln(&seen, s.String())
			}
			want := claims()[section]
			for _, text := range want.printed {
				if !regexp.MustCompile("(?m)" + text).MatchString(output) {
					t.Errorf("it does not print %s", text)
				}
			}
			for _, text := range want.github {
				if !regexp.MustCompile("(?m)" + text).MatchString(seen.String()) {
					t.Errorf("GitHub did not see %s, but\n%s", text, seen.String())
				}
			}
			if places := append(m.github.Contains("github_pat_octo"), m.ghe.Contains("github_pat_octo")...); len(places) > 0 {
				t.Errorf("GitHub was shown a client's token: %v", places)
			}
		})
	}
}

// sequence is the blocks of a section, after those of another where it says so: a guide
// begins where that one ends.
func sequence(all []block, section string) []block {
	var out []block
	for _, b := range all {
		if b.section != section {
			continue
		}
		if other, ok := strings.CutPrefix(b.mark, "after: "); ok {
			out = append(sequence(all, other), out...)
		}
		out = append(out, b)
	}
	return out
}

// part is a block as a part of its section's script.
func (m *machine) part(b block) (string, error) {
	text := strings.NewReplacer("https://token.actions.githubusercontent.com", m.issuer.URL(), "https://gitlab.com", m.issuer.URL()).Replace(theirs(b.text))
	if file, ok := strings.CutPrefix(b.mark, "file: "); ok {
		return "mkdir -p " + filepath.Dir(file) + "\n" + here("cat >>"+file, text) + "\nchmod 600 " + file, nil
	}
	switch b.language {
	case "sh":
		return text, nil
	case "toml":
		return checked(text, b.mark == "goes on"), nil
	case "console":
		return console(text), nil
	case "yaml":
		return job(text)
	case "groovy":
		return pipeline(text)
	case "text": // nothing that anything reads
		return "", nil
	}
	return "", fmt.Errorf("nobody knows how to run %s", b.language)
}

func here(command, text string) string {
	return command + " <<'END-OF-BLOCK'\n" + text + "END-OF-BLOCK"
}

// checked has octopool check a configuration, of which the README may show a part. more says
// that it goes on with the part before.
func checked(text string, more bool) string {
	if strings.HasPrefix(text, "scopes = ") {
		text = "[[client]]\nname = \"theirs\"\ntoken_sha256 = \"" + digest + "\"\n" + text
	}
	redirection := ">"
	if more {
		redirection = ">>"
	}
	const (
		credential = "[[credential]]\nname = \"theirs\"\npat = \"file:/etc/octopool/bot.token\"\n"
		client     = "[[client]]\nname = \"theirs\"\ntoken_sha256 = \"" + digest + "\"\n"
	)
	return here("cat "+redirection+"$section/part.toml", text) + "\n" +
		"cp $section/part.toml $section/whole.toml\n" +
		"grep -q '^\\[\\[credential' $section/whole.toml || " + here("cat >>$section/whole.toml", credential) + "\n" +
		"grep -q '^\\[\\[client' $section/whole.toml || " + here("cat >>$section/whole.toml", client) + "\n" +
		`(
			export HOME=/var/lib/theirs OCTOPOOL_REDIS_URL=redis://redis.internal OCTOPOOL_ADMIN_TOKEN=s3cret
			for name in $(grep -o 'pat *= "env:[A-Z_]*' "$section/whole.toml" | grep -o '[A-Z_]*$'); do export $name=ghp_of$name; done
			command octopool check --config "$section/whole.toml"
		)`
}

// console runs what stands after the $, and asks of its output the same tables, if there
// are any: their first lines are in capital letters. One may show less columns than the
// README does, of what there is.
func console(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			out.WriteString(strings.TrimSuffix(command, "\n") + " >~/.shown\ncat ~/.shown\n")
		} else if heading.MatchString(line) {
			columns := regexp.MustCompile(`  +`).Split(strings.TrimSpace(line), -1)
			fmt.Fprintf(&out, "grep -qE '^%s( +%s)? *$' ~/.shown\n", columns[0], strings.Join(columns[1:], ")?( +"))
		}
	}
	return out.String()
}

var heading = regexp.MustCompile(`^[A-Z]+(  +[A-Z ]+)+$`)

// secrets are the files that the README leaves to its readers.
func (m *machine) secrets(t *testing.T) {
	t.Helper()
	app := m.github.AddApp("app" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(t.Name())))
	for file, text := range map[string]string{
		"proxy.pem": m.proxyCert, "proxy-key.pem": m.proxyKey,
		"bot.token": pat, "ghe.token": pat, "acme.token": pat, "ghe.pem": string(m.ghe.CAPEM()), "acme-app.pem": string(app.PEM()), "admin.token": "s3cret-of-operators",
	} {
		m.write(t, filepath.Join("/etc/octopool", file), text)
	}
}

// clear empties a folder.
func clear(t *testing.T, folder string) {
	t.Helper()
	must(t, os.MkdirAll(folder, 0o755))
	entries, err := os.ReadDir(folder)
	must(t, err)
	for _, e := range entries {
		must(t, os.RemoveAll(filepath.Join(folder, e.Name())))
	}
}
