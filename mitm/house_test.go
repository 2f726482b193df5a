package mitm_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms are our packages, and which others each may import. The three at the
// bottom know nothing of the rest, so that each can be read, tested and trusted alone.
func rooms() map[string][]string {
	return map[string][]string{
		"octopool":                          {"mitm/command", "mitm/config"},
		"octopool/mitm/command":             {"ca", "mitm", "mitm/audit", "mitm/config", "mitm/daemon", "mitm/launch", "mitm/learning", "mitm/mint", "policy", "policy/minted"},
		"octopool/mitm":                     {"ca", "mitm/admin", "mitm/admin/history", "mitm/audit", "mitm/exchange", "mitm/learning", "mitm/mint", "mitm/route", "policy", "policy/pool", "store"},
		"octopool/mitm/admin":               {"mitm/admin/history", "mitm/learning", "mitm/mint", "policy"},
		"octopool/mitm/admin/history":       {},
		"octopool/mitm/bench":               {"ca", "mitm/config", "mitm/daemon", "mitm/githubtest", "policy"},
		"octopool/mitm/audit":               {},
		"octopool/mitm/config":              {"mitm", "mitm/mint", "mitm/oidc", "policy", "policy/minted", "policy/pool", "policy/pool/installation"},
		"octopool/mitm/daemon":              {"ca", "mitm", "mitm/admin", "mitm/audit", "mitm/config", "mitm/launch", "mitm/learning", "mitm/mint", "mitm/oidc", "policy", "policy/minted", "policy/pool", "store"},
		"octopool/mitm/exchange":            {"policy", "policy/pool", "store"},
		"octopool/mitm/githubtest":          {},
		"octopool/mitm/githubtest/standin":  {"mitm/githubtest"},
		"octopool/mitm/launch":              {},
		"octopool/mitm/oidc":                {"policy"},
		"octopool/mitm/learning":            {"mitm/route", "policy"},
		"octopool/mitm/mint":                {"policy", "policy/minted"},
		"octopool/mitm/route":               {},
		"octopool/mitm/route/internal/gen":  {},
		"octopool/policy/minted":            {"policy"},
		"octopool/policy/pool":              {"policy", "policy/pool/installation"},
		"octopool/policy/pool/installation": {"policy"},

		"octopool/ca":     {},
		"octopool/policy": {},
		"octopool/store":  {},
	}
}

// keepers are modules that one package alone may import: each is behind one door.
func keepers() map[string]string {
	return map[string]string{
		"github.com/BurntSushi/toml":              "octopool",
		"github.com/elazarl/goproxy":              "octopool/mitm",
		"github.com/fsnotify/fsnotify":            "octopool/mitm/daemon",
		"github.com/dgraph-io/badger":             "octopool/store",
		"github.com/redis/rueidis":                "octopool/store",
		"gopkg.in/macaroon.v2":                    "octopool/policy/minted",
		"github.com/bradleyfalzon/ghinstallation": "octopool/policy/pool/installation",
		"github.com/google/go-github":             "octopool/policy/pool/installation",
		"github.com/golang-jwt/jwt":               "octopool/policy/pool/installation",
		"github.com/coreos/go-oidc":               "octopool/mitm/oidc",
		"github.com/go-jose/go-jose":              "octopool/mitm/oidc",
	}
}

// testers are modules and packages for tests, which the program is built without.
func testers() []string {
	return []string{
		"octopool/mitm/githubtest", "testing", "net/http/httptest",
		"github.com/chromedp/", "github.com/google/go-cmp", "github.com/prometheus/", "github.com/rogpeppe/go-internal/diff", "github.com/rogpeppe/go-internal/testscript", "go.uber.org/goleak",
	}
}

// The packages import each other as the house was drawn.
func TestHouse(t *testing.T) {
	for _, p := range packages(t) {
		allowed, known := rooms()[p.ImportPath]
		if !known && len(p.Imports) == 0 {
			continue // nothing but tests
		}
		if !known {
			t.Errorf("%s is a new room: say here what it may import", p.ImportPath)
			continue
		}
		for _, path := range p.Imports {
			if own, ours := strings.CutPrefix(path, "octopool/"); ours && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
			for module, keeper := range keepers() {
				if strings.HasPrefix(path, module) && p.ImportPath != keeper {
					t.Errorf("%s imports %s, which is for %s", p.ImportPath, path, keeper)
				}
			}
			isTester := func(prefix string) bool { return strings.HasPrefix(path, prefix) }
			plays := strings.HasPrefix(p.ImportPath, "octopool/mitm/githubtest") || p.ImportPath == "octopool/mitm/bench"
			if slices.ContainsFunc(testers(), isTester) && !plays {
				t.Errorf("%s imports %s, which is for tests", p.ImportPath, path)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if len(allowed) == 0 && !strings.HasPrefix(p.ImportPath, "octopool/mitm") && strings.HasPrefix(path, "octopool/") && path != p.ImportPath {
				t.Errorf("tests of %s import %s", p.ImportPath, path)
			}
		}
	}
}

// There is nothing at the top but what belongs there, and what tools insist on.
func TestTopLevel(t *testing.T) {
	allowed := []string{
		"main.go", "main_test.go", "mitm", "ca", "store", "policy", "scripts", "config.example.toml", "go.mod", "go.sum", "README.md",
		"LICENSE", "SECURITY.md", "Dockerfile",
	}
	ignored, err := os.ReadFile("../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(ignored)) {
		allowed = append(allowed, strings.Trim(line, "/\n"))
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}

// A listed package is what go list says of one.
type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := decoder.Decode(&p)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list knows only of %v", all)
	}
	return all
}
