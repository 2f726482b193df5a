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

// secret resolves a reference. Its messages never repeat what may be a secret in the
// wrong place.
func (s *settler) secret(key, reference string) policy.Secret {
	kind, name, _ := strings.Cut(reference, ":")
	var text string
	switch {
	case policy.LooksLikeToken(name), kind != "env" && kind != "file", name == "":
		s.wrong(key, "write a reference, env:NAME or file:PATH, not the secret itself")
		return policy.Secret{}
	case kind == "file":
		content, err := os.ReadFile(s.path(name))
		if err != nil {
			s.wrong(key, "%v", err)
			return policy.Secret{}
		}
		if text = strings.TrimSpace(string(content)); text == "" {
			s.wrong(key, "%s is empty", s.path(name))
			return policy.Secret{}
		}
	case !variableName.MatchString(name):
		s.wrong(key, "write env:NAME with the name of an environment variable")
		return policy.Secret{}
	default:
		if text = strings.TrimSpace(s.getenv(name)); text == "" {
			s.wrong(key, "the environment variable %s is not set", name)
			return policy.Secret{}
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		s.wrong(key, "the secret that %s names holds a character that no token has", reference)
		return policy.Secret{}
	}
	return policy.NewSecret(text)
}

// fromEnvironment are the credentials that the environment names: GITHUB_PAT_NAME, and
// GITHUB_TOKEN where there is nothing else. What the file refers to is the file's.
func (s *settler) fromEnvironment(f File) []Credential {
	home := ""
	if slices.ContainsFunc(f.GitHub, func(g GitHub) bool { return strings.EqualFold(g.Host, "github.com") }) {
		home = "github.com"
	}
	var out []Credential
	for _, entry := range s.environ {
		variable, value, _ := strings.Cut(entry, "=")
		short, ok := strings.CutPrefix(variable, "GITHUB_PAT_")
		named := slices.ContainsFunc(f.Credential, func(c Credential) bool { return c.PAT == "env:"+variable })
		if ok && short != "" && value != "" && !named {
			out = append(out, Credential{Name: strings.ToLower(short), PAT: "env:" + variable, GitHub: home})
		}
	}
	slices.SortFunc(out, func(a, b Credential) int { return cmp.Compare(a.PAT, b.PAT) })
	if len(f.Credential) == 0 && len(out) == 0 && s.getenv("GITHUB_TOKEN") != "" {
		out = append(out, Credential{Name: "github-token", PAT: "env:GITHUB_TOKEN", GitHub: home})
	}
	return out
}

// variablesOf are the environment variables that a completed file refers to.
func variablesOf(f File) []string {
	references := []string{f.Admin.Token}
	for _, c := range f.Credential {
		references = append(references, c.PAT)
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
