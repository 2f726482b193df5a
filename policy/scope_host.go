package policy

import "strings"

// GitHub is the host of the GitHub that s is for, in small letters, "" for any. One that
// names none must not be given to a client who can reach several: an account of one name
// is another on each.
func (s Scope) GitHub() string { return s.github }

// cutGitHub takes the host of a GitHub from the front of a pattern, where one stands:
// github.com/repos/acme/**, or github.com/acme/* of repositories. A host has a dot, and
// no account has.
func cutGitHub(text string) (host, pattern string) {
	host, below, found := strings.Cut(text, "/")
	if !found || !strings.Contains(host, ".") || strings.ContainsAny(host, "*{}?,:@") {
		return "", text
	}
	return strings.ToLower(host), below
}

// isOn reports whether s is for this GitHub.
func (s *Scope) isOn(github string) bool { return s.github == "" || s.github == github }
