package config

import (
	"cmp"
	"os"
	"regexp"
	"slices"
	"strings"

	"octopool/policy"
)

func (s *settler) getenv(name string) string {
	for _, entry := range s.environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secret resolves a reference to a token or password.
func (s *settler) secret(key, reference string) policy.Secret {
	text, ok := s.resolve(key, reference)
	if !ok {
		return policy.Secret{}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		s.wrong(key, "the secret that %s names holds a character that no token has", reference)
		return policy.Secret{}
	}
	return policy.NewSecret(text)
}

// resolve is the text that a reference leads to, without the space around it. Its
// messages never repeat what may be a secret in the wrong place.
func (s *settler) resolve(key, reference string) (text string, ok bool) {
	kind, name, _ := strings.Cut(reference, ":")
	switch {
	case policy.LooksLikeToken(name), kind != "env" && kind != "file", name == "":
		s.wrong(key, "write a reference, env:NAME or file:PATH, not the secret itself")
		return "", false
	case kind == "file":
		content, err := s.read(name)
		if err != nil {
			s.wrong(key, "%v", err)
			return "", false
		}
		if text = strings.TrimSpace(string(content)); text == "" {
			s.wrong(key, "%s is empty", s.path(name))
			return "", false
		}
		s.warnOfReaders(s.path(name))
	case !variableName.MatchString(name):
		s.wrong(key, "write env:NAME with the name of an environment variable")
		return "", false
	default:
		if text = strings.TrimSpace(s.getenv(name)); text == "" {
			s.wrong(key, "the environment variable %s is not set", name)
			return "", false
		}
	}
	return text, true
}

// credentialsFolder is how a path begins that leads to what systemd has loaded for a service, which
// has another folder for each (systemd.exec(5), CREDENTIALS_DIRECTORY).
const (
	credentialsVariable = "CREDENTIALS_DIRECTORY"
	credentialsFolder   = "${" + credentialsVariable + "}"
)

// read reads a file that the configuration names.
func (s *settler) read(name string) ([]byte, error) {
	path := s.path(name)
	s.files = append(s.files, path)
	return os.ReadFile(path)
}

// found is a credential of the environment.
type found struct {
	source string // the variable, or what the names of its variables begin with
	Credential
}

// inEnvironment are the credentials that the environment names: GITHUB_PAT_NAME, Apps, and
// GITHUB_TOKEN where there is nothing else. What the file refers to is the file's.
func (s *settler) inEnvironment(f File) []found {
	out := s.appsInEnvironment(f)
	for _, entry := range s.environ {
		variable, value, _ := strings.Cut(entry, "=")
		short, ok := strings.CutPrefix(variable, "GITHUB_PAT_")
		named := slices.ContainsFunc(f.Credential, func(c Credential) bool { return c.PAT == "env:"+variable })
		if ok && short != "" && value != "" && !named {
			out = append(out, found{variable, Credential{Name: strings.ToLower(short), PAT: "env:" + variable}})
		}
	}
	slices.SortFunc(out, func(a, b found) int { return cmp.Compare(a.source, b.source) })
	if len(f.Credential) == 0 && len(out) == 0 && s.getenv("GITHUB_TOKEN") != "" {
		out = append(out, found{"GITHUB_TOKEN", Credential{Name: "github-token", PAT: "env:GITHUB_TOKEN"}})
	}
	if slices.ContainsFunc(f.GitHub, func(g GitHub) bool { return hostOf(g) == "github.com" }) {
		for i := range out {
			out[i].GitHub = "github.com"
		}
	}
	return out
}

// variablesOf are the environment variables that a completed file refers to.
func variablesOf(f File) []string {
	references := append([]string{f.Admin.Token, f.Cache.URL, f.Proxy.Upstream}, f.Mint.Keys...)
	for _, c := range f.Credential {
		references = append(references, c.PAT, c.PrivateKey)
	}
	for _, c := range f.Client {
		references = append(references, c.Token)
	}
	var out []string
	for _, r := range references {
		if name, ok := strings.CutPrefix(r, "env:"); ok {
			out = append(out, name)
		}
	}
	return out
}
