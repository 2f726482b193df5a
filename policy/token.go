package policy

import (
	"encoding/base64"
	"strings"
)

// TokenFrom finds the token in the value of an Authorization header, in every
// form GitHub accepts and its tools send: "token X" (gh, PyGithub, octokit),
// "Bearer X" (go-github, Terraform), "bearer X" (octokit, for a token with dots
// in it), "Basic" with the token as password (git, curl -u), and the legacy
// "Basic" with the token as user name and either no password or
// "x-oauth-basic". Schemes are compared without case (RFC 9110, section 11.1):
// actions/checkout writes "basic".
//
// ok is true exactly when token is not empty. The token is opaque: since 2026
// an installation token is some 520 characters long with dots in it.
func TokenFrom(authorization string) (token string, ok bool) {
	scheme, rest, _ := strings.Cut(strings.Trim(authorization, " \t"), " ")
	rest = strings.Trim(rest, " \t")
	switch {
	case strings.EqualFold(scheme, "token"), strings.EqualFold(scheme, "bearer"):
		token = rest
	case strings.EqualFold(scheme, "basic"):
		token = tokenFromBasic(rest)
	}
	return token, token != ""
}

// tokenFromBasic reads user:password of RFC 7617. Missing padding is forgiven,
// a missing colon is not.
func tokenFromBasic(encoded string) string {
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return ""
	}
	user, password, found := strings.Cut(string(plain), ":")
	if !found {
		return ""
	}
	if password == "" || password == "x-oauth-basic" {
		return user
	}
	return password
}

// The prefixes of GitHub's tokens that may be presented to its API (GitHub's
// documentation, "About authentication to GitHub"). ghr_ is missing: a refresh
// token is only ever exchanged for another token.
var prefixes = []string{"ghp_", "github_pat_", "gho_", "ghu_", "ghs_"}

// mark follows the prefix in every token that NewToken makes to look like one
// of GitHub's, so that it is known for ours when its client is gone.
const mark = "octo"

// LooksLikeToken reports whether a text begins as a token does, one of GitHub's or of
// octopool's own: written where something else belongs, it is told of and not repeated.
func LooksLikeToken(text string) bool {
	_, found := afterPrefix(text)
	return found || strings.HasPrefix(text, ownPrefix)
}

// MadeHere reports whether a token is one that [NewToken] makes, of this octopool or
// another: it is nothing to present to GitHub. What is said of the mark in tokens of
// GitHub's own holds here too: one in 15 million is taken for ours.
func MadeHere(token string) bool {
	body, _ := afterPrefix(token)
	return strings.HasPrefix(body, mark) || strings.HasPrefix(token, ownPrefix)
}

// afterPrefix is what follows a prefix of GitHub's tokens, those that renew others
// included.
func afterPrefix(token string) (body string, found bool) {
	for _, prefix := range append([]string{"ghr_"}, prefixes...) {
		if body, found = strings.CutPrefix(token, prefix); found {
			return body, true
		}
	}
	return "", false
}

// shapedLikeGitHubs reports whether token may be one of GitHub's own: a
// documented prefix and enough of the documented alphabet, or the 40 hex digits
// of the time before prefixes. A token that octopool has made is none, also
// when nobody is registered with it any more: GitHub must not see it. (One in
// 15 million of GitHub's own will bear the mark by chance, and is taken for
// ours.)
func shapedLikeGitHubs(token string) bool {
	if len(token) == 40 && only(token, isHexLower) {
		return true
	}
	for _, prefix := range prefixes {
		body, found := strings.CutPrefix(token, prefix)
		if !found {
			continue
		}
		// The dotted form is that of ghs_ today and announced for ghu_.
		return len(body) >= 36 && len(body) <= 4096 && !strings.HasPrefix(body, mark) && only(body, isTokenByte)
	}
	return false
}

func only(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isHexLower(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' }
func isAlnum(c byte) bool    { return isDigit(c) || 'a' <= lower(c) && lower(c) <= 'z' }

func isTokenByte(c byte) bool { return isAlnum(c) || c == '.' || c == '-' || c == '_' }

// lower is c, or the small letter for an ASCII capital.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
