package deploy

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// configured checks each configuration with octopool itself, with the secrets that its
// place gives it.
func configured(t *testing.T, program string) {
	for name, text := range map[string]string{
		"compose.toml": read(t, "compose.toml"), "octopool.toml": read(t, "octopool.toml"),
		"kubernetes.yaml": manifests(t)["ConfigMap octopool"].Data["octopool.toml"],
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			secrets := furnish(t, program, dir)
			places := strings.NewReplacer(
				"/run/secrets/octopool/", secrets, "/run/secrets/", secrets,
				"/var/lib/octopool", filepath.Join(dir, "data"))
			config := filepath.Join(dir, "octopool.toml")
			write(t, config, places.Replace(text))
			out, err := octopool(t, program, dir, "check", "--config", config)
			if err != nil || !strings.HasPrefix(out, config+": ok\n") {
				t.Errorf("octopool check: %v\n%s", err, out)
			}
		})
	}
}

// furnish makes the secrets that are named anywhere, and a CA as kubernetes.yaml tells to.
// It returns their folder, with a slash.
func furnish(t *testing.T, program, dir string) string {
	t.Helper()
	secrets := filepath.Join(dir, "secrets") + "/"
	if err := os.Mkdir(secrets, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, secrets+"bot", "github_pat_"+rand.Text())
	write(t, secrets+"admin-token", rand.Text())
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	write(t, secrets+"acme-app.pem", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	root, err := octopool(t, program, dir, "ca", "path")
	if err != nil {
		t.Fatalf("octopool ca path: %v\n%s", err, root)
	}
	for from, to := range map[string]string{"chain.pem": "ca.pem", "key.pem": "ca-key.pem"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(strings.TrimSpace(root)), "intermediate", from))
		if err != nil {
			t.Fatal(err)
		}
		write(t, secrets+to, string(text))
	}
	return secrets
}

// octopool runs a command of somebody whose home is a folder, and returns what it printed.
func octopool(t *testing.T, program, home string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "CREDENTIALS_DIRECTORY=" + filepath.Join(home, "secrets")}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		out = append(out, complaints.String()...)
	}
	return string(out), err
}
