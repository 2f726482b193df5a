package mitm

import (
	"encoding/base64"
	"net/http"
	"strings"

	"octopool/policy"
)

// labelled is the run that a proxy's URL names besides its client: NAME+LABEL:TOKEN. It is
// whatever the client says, so it is for the log and the audit and no more; one that is no
// name, and so could be anything, is left out.
func labelled(r *http.Request) []policy.Fact {
	scheme, encoded, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " ")
	if !strings.EqualFold(scheme, "basic") {
		return nil
	}
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(encoded), "="))
	if err != nil {
		return nil
	}
	user, password, _ := strings.Cut(string(plain), ":")
	if _, label, found := strings.Cut(user, "+"); found && password != "" && policy.IsName(label) {
		return []policy.Fact{{Name: "label", Value: label}}
	}
	return nil
}
