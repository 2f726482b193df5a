package githubtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A shell runs real programs against the server, with nothing of the machine's
// own configuration.
type shell struct {
	t   *testing.T
	dir string
	env []string
}

func newShell(t *testing.T, s *Server, token string) shell {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, s.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy, stop := s.Relay()
	t.Cleanup(stop)
	return shell{t, dir, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GH_CONFIG_DIR=" + dir, "GH_TOKEN=" + token, "GH_NO_UPDATE_NOTIFIER=1", "NO_COLOR=1",
		"HTTPS_PROXY=" + proxy, "https_proxy=" + proxy, "SSL_CERT_FILE=" + ca, "GIT_SSL_CAINFO=" + ca, "CURL_CA_BUNDLE=" + ca,
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=T", "GIT_COMMITTER_EMAIL=t@example.com",
	}}
}

// try runs a line of sh and says what it printed and whether it went well.
func (sh shell) try(line string) (string, bool) {
	sh.t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = sh.dir, sh.env
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// run is try for a line that has to go well.
func (sh shell) run(line string) string {
	sh.t.Helper()
	out, ok := sh.try(line)
	if !ok {
		sh.t.Fatalf("$ %s\n%s", line, out)
	}
	return out
}
