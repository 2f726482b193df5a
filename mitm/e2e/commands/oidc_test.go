package commands

import (
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"octopool/mitm/githubtest"
)

// issuer starts one, and makes what follows a job of GitHub Actions that may have its tokens.
func issuer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: issuer")
	}
	i := githubtest.NewIssuer()
	ts.Defer(i.Close)
	for _, variable := range i.Runner() {
		name, value, _ := strings.Cut(variable, "=")
		ts.Setenv(name, value)
	}
	ts.Setenv("ISSUER", i.URL())
	ts.Check(os.WriteFile(ts.MkAbs("issuer.pem"), i.RootsPEM(), 0o600))
}
