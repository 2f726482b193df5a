// Package docs holds README.md against the program: every fenced block in it is run or
// checked, as it stands there.
//
// The tests run on a machine of their own, so to speak: in namespaces in which github.com is
// the stand-in, octopool.internal is this machine, its ports are free, and /etc, /opt
// and /var/lib can be written. So nothing in a block has to be replaced but what a reader
// replaces, too: see theirs in blocks_test.go.
//
//	go test ./mitm/e2e/docs -run 'Readme/Quick_start' -v     shows what a section's blocks print
package docs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"octopool/mitm/githubtest"

	// The blocks run a program that is built anew each time. Naming its parts here lets go
	// test know that an earlier result is void when one of them has changed.
	_ "octopool/mitm/command"
)

// inside says that a process is on that machine.
const inside = "OCTOPOOL_DOCS_INSIDE"

// Addresses of that machine. GitHub's is one that is public, since it is on the real one.
const (
	githubAddr = "140.82.112.3"
	gheAddr    = "140.82.112.4"
	ownAddr    = "10.0.0.5"
)

func TestMain(m *testing.M) {
	if os.Getenv(inside) == "" {
		os.Exit(enter())
	}
	os.Exit(m.Run())
}

// enter runs this test again, on a machine of its own, and returns its exit status.
func enter() int {
	flags := uintptr(syscall.CLONE_NEWNS | syscall.CLONE_NEWNET)
	status, err := again(&syscall.SysProcAttr{
		Cloneflags:  flags | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	})
	if err != nil { // root may where others may not
		status, err = again(&syscall.SysProcAttr{Cloneflags: flags})
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "README's blocks run in namespaces of their own, which this machine does not allow: %v\n"+
			"Allow them to users (sysctl kernel.apparmor_restrict_unprivileged_userns=0), or give root CAP_SYS_ADMIN.\n", err)
		return 1
	}
	return status
}

func again(how *syscall.SysProcAttr) (int, error) {
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	runtime.LockOSThread() // whose death Pdeathsig is about
	defer runtime.UnlockOSThread()
	how.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = how
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// A machine has GitHub, an Enterprise Server, and octopool in PATH.
type machine struct {
	github, ghe *githubtest.Server
	issuer      *githubtest.Issuer // GitHub Actions' and GitLab's
	bin         string

	proxyCert, proxyKey string // for octopool.internal
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{github: githubtest.New(), ghe: githubtest.New(githubtest.As("ghe.example")), issuer: githubtest.NewIssuer(), bin: filepath.Join(dir, "bin")}
	t.Cleanup(m.issuer.Close)
	t.Cleanup(m.github.Close)
	t.Cleanup(m.ghe.Close)
	m.furnish()
	m.certify(t, dir)
	must(t, os.Mkdir(m.bin, 0o755))
	build := exec.Command("go", "build", "-buildvcs=false", "-o", m.bin, "octopool")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	// The tunnel that a hosted runner opens leads to this very machine.
	must(t, os.WriteFile(filepath.Join(m.bin, "ssh"), []byte("#!/bin/sh\nexpr \"$*\" : '-f -N -L 8080:127.0.0.1:8080 ' >/dev/null\n"), 0o755))
	// Files in a ConfigMap are where a pod mounts it.
	must(t, os.WriteFile(filepath.Join(m.bin, "kubectl"), []byte(`#!/bin/sh
expr "$*" : '-n [a-z-]* create configmap octopool-ca --from-file=' >/dev/null && cp ca.pem ca-bundle.pem /etc/octopool/
`), 0o755))
	// /etc is a copy; what only root may read of the real one is not needed.
	etc := filepath.Join(dir, "etc")
	must(t, os.Mkdir(etc, 0o755))
	exec.Command("cp", "-a", "/etc/.", etc).Run()
	hosts := "127.0.0.1 localhost\n" + ownAddr + " octopool.internal octopool.octopool\n" + gheAddr + " ghe.example\n" +
		githubAddr + " github.com api.github.com uploads.github.com raw.githubusercontent.com codeload.github.com gist.github.com objects.githubusercontent.com\n"
	roots, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	must(t, err)
	m.write(t, filepath.Join(etc, "hosts"), hosts)
	m.write(t, filepath.Join(etc, "ssl/certs/ca-certificates.crt"), string(roots)+string(m.github.CAPEM())+string(m.issuer.RootsPEM()))
	script := `
		mount --make-rprivate /
		mount --bind "$1" /etc
		for folder in /opt /var/lib; do mount -t tmpfs none $folder; done
		ip link set lo up
		for address in ` + githubAddr + " " + gheAddr + " " + ownAddr + `; do ip address add $address/32 dev lo; done`
	if out, err := exec.Command("sh", "-euc", script, "sh", etc).CombinedOutput(); err != nil {
		t.Fatalf("the machine: %v\n%s", err, out)
	}
	forward(t, githubAddr+":443", m.github.Addr())
	forward(t, gheAddr+":443", m.ghe.Addr())
	return m
}

// checkout puts what git knows of into a folder.
func (m *machine) checkout(t *testing.T, folder string) {
	t.Helper()
	must(t, os.Mkdir(folder, 0o755))
	copying := exec.Command("sh", "-c", `git ls-files -z '*.go' go.mod go.sum '*.html' '*.css' '*.js' '*.json' '*.txt' | xargs -0 cp --parents -t "$0"`, folder)
	copying.Dir = "../../.."
	if out, err := copying.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// certify makes the certificate that the proxy's listener has for itself.
func (m *machine) certify(t *testing.T, dir string) {
	t.Helper()
	cert, key := filepath.Join(dir, "proxy.pem"), filepath.Join(dir, "proxy-key.pem")
	if out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
		"-subj", "/CN=octopool.internal", "-addext", "subjectAltName=DNS:octopool.internal", "-out", cert, "-keyout", key).CombinedOutput(); err != nil {
		t.Fatalf("openssl: %v\n%s", err, out)
	}
	for file, to := range map[string]*string{cert: &m.proxyCert, key: &m.proxyKey} {
		text, err := os.ReadFile(file)
		must(t, err)
		*to = string(text)
	}
}

// furnish fills both GitHubs.
func (m *machine) furnish() {
	for _, g := range []*githubtest.Server{m.github, m.ghe} {
		g.AddUser("octo-bot", pat)
		for name, private := range map[string]bool{"acme/web": false, "acme/api": true} {
			g.AddRepo(name, private)
			g.Grant("octo-bot", name)
			g.AddIssue(name, "The menu loads twice")
			g.AddRelease(name, "v1.0", map[string][]byte{"sums.txt": []byte("none\n")})
		}
	}
}

func (m *machine) write(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(t, os.WriteFile(file, []byte(text), 0o600))
}

// environ is that of somebody who has nothing yet but octopool.
func (m *machine) environ(home string) []string {
	return []string{
		"PATH=" + m.bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "LANG=C.UTF-8", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GH_NO_UPDATE_NOTIFIER=1", "GH_PROMPT_DISABLED=1",
		// What CI systems give to jobs that may have OpenID Connect tokens.
		"OIDC_URL=" + strings.TrimPrefix(m.issuer.Runner()[0], "ACTIONS_ID_TOKEN_REQUEST_URL="),
		"OIDC_BEARER=" + strings.TrimPrefix(m.issuer.Runner()[1], "ACTIONS_ID_TOKEN_REQUEST_TOKEN="),
		"OIDC_GITLAB=" + m.issuer.Token("octopool", map[string]any{"repository": nil, "project_path": "acme/web", "namespace_id": "65", "ref": "main"}),
		// A Go that builds octopool for them has what it needs.
		"GOCACHE=" + goEnv("GOCACHE"), "GOMODCACHE=" + goEnv("GOMODCACHE"), "GOFLAGS=-buildvcs=false", "GOPROXY=off", "CGO_ENABLED=0",
	}
}

func goEnv(name string) string {
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// forward passes connections on for the length of the test.
func forward(t *testing.T, from, to string) {
	t.Helper()
	l, err := net.Listen("tcp", from)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				go func() {
					io.Copy(out, in)
					out.(*net.TCPConn).CloseWrite()
				}()
				io.Copy(in, out)
			}()
		}
	}()
}

// run runs a shell script and what it starts, to the end of it all.
func (m *machine) run(t *testing.T, home, script string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.Env = home, m.environ(home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := os.Create(filepath.Join(home, ".output")) // no pipe: what is left in the background must not be waited for
	must(t, err)
	defer output.Close()
	cmd.Stdout, cmd.Stderr = output, output
	err = cmd.Run()
	if cmd.Process != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	text, readErr := os.ReadFile(output.Name())
	must(t, readErr)
	return string(bytes.TrimSpace(text)), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
