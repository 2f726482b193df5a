package conformance

import (
	"regexp"
	"strings"
)

// named is a session's output with names for the few things that differ from run to run, or that
// octopool has of its own. It is the one place that says what may differ.
func (h *house) named(text string) string {
	type name struct{ is, called string }
	names := []name{
		{h.folder, "FOLDER"},
		{h.clientToken, "TOKEN"},
		{h.credential, "TOKEN"},
	}
	if h.api != "" { // as an Enterprise Server's API, or as github.com's
		names = append(names, name{h.api + "/api/v3", "https://api.github.com"}, name{h.api, "https://api.github.com"})
	}
	for _, name := range names {
		if name.is != "" {
			text = strings.ReplaceAll(text, name.is, name.called)
		}
	}
	for _, rule := range []struct{ pattern, called string }{
		// gh shows as many stars as the token has letters.
		{`(✓ Token: )\S+`, "${1}TOKEN"},
		// Each answer of GitHub has an id and a time.
		{`(?im)^(x-github-request-id: ).*$`, "${1}ID"},
		{`(?im)^(date: |x-ratelimit-reset: |expires: ).*$`, "${1}TIME"},
		// Signed URLs end some minutes after they were made.
		{`\b(se|sig)=[0-9A-Za-z]+`, "${1}=SIGNED"},
		{`token=[0-9A-F]{32}`, "token=SIGNED"},
		// A validator is octopool's own: GitHub's would tell of the credential.
		{`(?im)^(etag: ).*$`, "${1}VALIDATOR"},
		// octopool tells how it came by the answer.
		{`(?im)^cache-status: .*\r?\n`, ""},
	} {
		text = regexp.MustCompile(rule.pattern).ReplaceAllString(text, rule.called)
	}
	// Names of headers may be in any case.
	return regexp.MustCompile(`(?m)^[A-Za-z-]+: `).ReplaceAllStringFunc(text, strings.ToLower)
}

// namedBody is a request's body with names for what a client makes by chance.
func namedBody(body string) string {
	return regexp.MustCompile(`"encrypted_value":"[^"]*"`).ReplaceAllString(body, `"encrypted_value":"SEALED"`)
}
