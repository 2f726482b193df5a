package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"octopool/mitm"
	"octopool/mitm/config"
)

func trusting(t *testing.T, rootFile string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(rootFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		t.Fatalf("%s holds no certificate", rootFile)
	}
	return &tls.Config{RootCAs: roots}
}

// places are those of an octopool for these GitHubs that never ran.
func places(t *testing.T, hosts ...string) config.Places {
	p := config.Places{DataDir: filepath.Join(t.TempDir(), "data"), ProxyListen: "127.0.0.1:8080"}
	for _, h := range hosts {
		p.GitHubs = append(p.GitHubs, mitm.GitHub{Host: h, Git: true})
	}
	return p
}

func TestChecksMakeNoAuthority(t *testing.T) {
	p := places(t, "github.com")
	if problems := CheckAuthority(p); len(problems) > 0 {
		t.Error(problems)
	}
	if _, err := os.Stat(p.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the data folder was made")
	}
}

func TestNewHostsNeedARotation(t *testing.T) {
	p := places(t, "github.com")
	if _, err := OpenAuthority(p); err != nil {
		t.Fatal(err)
	}
	p.GitHubs = append(p.GitHubs, mitm.GitHub{Host: "git.example.com"})
	problems := CheckAuthority(p)
	if len(problems) != 1 || problems[0].Key != "github[1].host" ||
		!strings.Contains(problems[0].Message, "git.example.com") || !strings.Contains(problems[0].Message, "rotate") ||
		strings.Contains(problems[0].Message, "api.github.com") {
		t.Errorf("%v", problems)
	}
}

// signer makes a CA and returns its files, as an operator copies them.
func signer(t *testing.T, hosts ...string) (certificate, key string) {
	p := places(t, hosts...)
	if _, err := OpenAuthority(p); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(p.DataDir, "intermediate")
	return filepath.Join(folder, "chain.pem"), filepath.Join(folder, "key.pem")
}

func TestAnExistingAuthority(t *testing.T) {
	p := places(t, "github.com")
	p.CACert, p.CAKey = signer(t, "github.com")
	if problems := CheckAuthority(p); len(problems) > 0 {
		t.Error(problems)
	}
	if _, err := os.Stat(p.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the check made the data folder")
	}
	where, err := WhereIs(p)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := os.ReadFile(p.CACert)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(where.RootFile)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(chain), string(root)) {
		t.Error("programs are to trust another root than that of the file")
	}
	if !strings.HasPrefix(where.RootFile, p.DataDir) || !strings.HasPrefix(where.BundleFile, p.DataDir) {
		t.Errorf("the files to trust are elsewhere: %+v", where)
	}
}

func TestAuthoritiesThatCannotSign(t *testing.T) {
	certificate, key := signer(t, "github.com")
	_, otherKey := signer(t, "github.com")
	open := filepath.Join(t.TempDir(), "open.pem")
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		claim, certificate, key, host string
		where, want                   string
	}{
		{"a key that others can read", certificate, open, "github.com", "ca.key", "run: chmod 600 " + open},
		{"another's key", certificate, otherKey, "github.com", "ca.certificate", "private key does not match public key"},
		{"no certificate", open, key, "github.com", "ca.certificate", "certificate"},
		{"for other hosts", certificate, key, "git.example.com", "ca.certificate", "may not sign for codeload.git.example.com, gist.git.example.com, git.example.com"},
	} {
		p := places(t, tt.host)
		p.CACert, p.CAKey = tt.certificate, tt.key
		problems := CheckAuthority(p)
		if len(problems) != 1 || problems[0].Key != tt.where || !strings.Contains(problems[0].Message, tt.want) {
			t.Errorf("%s: %v, want one at %s with %q", tt.claim, problems, tt.where, tt.want)
		}
		if _, err := os.Stat(p.DataDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the data folder was made", tt.claim)
		}
	}
}

func TestAPortThatOnlyTheRunningOneKnows(t *testing.T) {
	p := places(t, "github.com")
	p.ProxyListen = "127.0.0.1:0"
	if _, err := WhereIs(p); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("%v", err)
	}
}
