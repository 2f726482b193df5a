package minted

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"octopool/policy"
)

// A Narrowing is what a token is less than what it was made from. The zero Narrowing
// takes nothing away.
type Narrowing struct {
	Scopes        []policy.Scope // a request must be in one of them; any, if there are none
	Repositories  []string       // [HOST/]OWNER/NAME; a request must be about one of them; any, if there are none
	PointsPerHour int            // to spend at GitHub, 0 for no such bound
	Until         time.Time      // when it ends, if not before; the zero time for no such bound
}

// The words that conditions begin with. A token with any other is refused: who wrote it
// meant something to be kept from its bearer.
const (
	wordUntil  = "until"  // seconds since 1970
	wordScopes = "scopes" // with line feeds between them, as there is none in a scope
	wordRepos  = "repos"  // with spaces
	wordPoints = "points"
	wordID     = "id"
)

func conditionUntil(t time.Time) string {
	return wordUntil + " " + strconv.FormatInt(t.Unix(), 10)
}

// conditions say what by takes away.
func (by Narrowing) conditions() (out []string, err error) {
	if !by.Until.IsZero() {
		out = append(out, conditionUntil(by.Until))
	}
	if len(by.Scopes) > 0 {
		texts := make([]string, len(by.Scopes))
		for i, s := range by.Scopes {
			texts[i] = s.String()
		}
		out = append(out, wordScopes+" "+strings.Join(texts, "\n"))
	}
	if len(by.Repositories) > 0 {
		if _, err := scopesOf(by.Repositories); err != nil {
			return nil, err
		}
		out = append(out, wordRepos+" "+strings.Join(by.Repositories, " "))
	}
	switch {
	case by.PointsPerHour < 0:
		return nil, errors.New("points an hour: want a number above 0")
	case by.PointsPerHour > 0:
		out = append(out, wordPoints+" "+strconv.Itoa(by.PointsPerHour))
	}
	return out, nil
}

// scopesOf are the scopes that name all there is of some repositories: their API, git, LFS
// and files. Endpoints that make credentials are none of it, since no such scope names
// them word by word; and what is said of no repository is none of it: searches, GraphQL.
func scopesOf(repositories []string) ([]policy.Scope, error) {
	var out []policy.Scope
	for _, full := range repositories {
		host, rest := "", full
		if strings.Count(full, "/") == 2 {
			host, rest, _ = strings.Cut(full, "/")
			host += "/"
		}
		owner, name, ok := strings.Cut(rest, "/")
		if !ok || host == "/" || strings.ContainsAny(full, " *{}?,\n") || owner == "gist" {
			return nil, fmt.Errorf("repository %q: want OWNER/NAME, without wildcards", full)
		}
		rest = owner + "/" + name
		slash := ""
		if host == "" {
			slash = "/"
		}
		for _, text := range []string{"* " + slash + host + "repos/" + rest + "/**", "git:read " + host + rest, "git:write " + host + rest} {
			scope, err := policy.ParseScope(text)
			if err != nil || scope.GitHub() != strings.ToLower(strings.TrimSuffix(host, "/")) {
				return nil, fmt.Errorf("repository %q: want OWNER/NAME, or HOST/OWNER/NAME with the host of a GitHub", full)
			}
			out = append(out, scope)
		}
	}
	return out, nil
}

// take adds one condition to what a token says. All up to it are a part of said.
func take(m *policy.Minted, condition, said string) error {
	word, rest, _ := strings.Cut(condition, " ")
	switch word {
	case wordUntil:
		seconds, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			return errForm
		}
		if t := time.Unix(seconds, 0).UTC(); m.Until.IsZero() || t.Before(m.Until) {
			m.Until = t
		}
	case wordScopes:
		var scopes []policy.Scope
		for text := range strings.SplitSeq(rest, "\n") {
			scope, err := policy.ParseScope(text)
			if err != nil {
				return err
			}
			scopes = append(scopes, scope)
		}
		m.Narrowings = append(m.Narrowings, scopes)
	case wordRepos:
		scopes, err := scopesOf(strings.Split(rest, " "))
		if err != nil {
			return err
		}
		m.Narrowings = append(m.Narrowings, scopes)
	case wordPoints:
		points, err := strconv.ParseUint(rest, 10, 31)
		if err != nil {
			return errForm
		}
		m.Allowances = append(m.Allowances, policy.MintedAllowance{Place: policy.DigestOf(said), Points: int(points)})
	case wordID:
		if !IsID(rest) || slices.Contains(m.IDs, rest) {
			return errForm
		}
		m.IDs = append(m.IDs, rest)
	default:
		return fmt.Errorf("it has a condition that this octopool does not know, %.20q", word)
	}
	return nil
}
