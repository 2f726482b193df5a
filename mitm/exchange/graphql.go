package exchange

import (
	"bytes"
	"encoding/json"
	"regexp"

	"octopool/policy/pool"
)

// aim adds to a want for a GraphQL request what its document tells: whether it may be a
// mutation, and the account it is about. Whose an id is that it names instead cannot be
// seen; [pool.Verdict.Elsewhere] is for that. A query that does not speak of its viewer
// need not stay with one credential: budgets would be left over elsewhere.
func aim(w pool.Want, b body, mutates bool) pool.Want {
	w.Write, w.Creates = mutates, mutates
	w.Owner = ownerIn(b.held)
	if !mutates && !b.once && !bytes.Contains(b.held, []byte("viewer")) {
		w.Steady = ""
	}
	return w
}

// ownerIn is the account that a GraphQL request names: in its variables, as gh does, or
// in the document. It decides no more than which credential is asked first, so it need
// not understand the document.
func ownerIn(held []byte) string {
	var request struct {
		Query     string                     `json:"query"`
		Variables map[string]json.RawMessage `json:"variables"`
	}
	if json.Unmarshal(held, &request) != nil {
		return ""
	}
	for _, name := range []string{"owner", "repositoryOwner", "org", "organization", "login"} {
		var value string
		if json.Unmarshal(request.Variables[name], &value) == nil && value != "" {
			return value
		}
	}
	if found := literalOwner.FindStringSubmatch(request.Query); found != nil {
		return found[1]
	}
	return ""
}

var literalOwner = regexp.MustCompile(`\b(?:repository\s*\(\s*owner|organization\s*\(\s*login|repository\s*\([^)]*\bowner)\s*:\s*"([A-Za-z0-9_-]+)"`)
