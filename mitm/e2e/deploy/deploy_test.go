// Package deploy tries the files in scripts/deploy with the programs they are for:
// Prometheus asks an octopool all that the dashboard and the alerts ask, promtool,
// systemd-analyze and docker-compose read what is theirs, and octopool checks the
// configurations.
package deploy

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	// The tests run a binary that is built anew each time. Naming its parts here lets
	// go test know that an earlier result is void when one of them has changed.
	_ "octopool/mitm/command"
)

// folder is where the files are.
const folder = "../../../scripts/deploy"

// A running octopool is scraped by a Prometheus with scripts/deploy/prometheus.yml, and
// the configurations for each way of running it pass `octopool check`.
func TestWithOctopool(t *testing.T) {
	program := build(t)
	t.Run("watched", func(t *testing.T) { watched(t, program) })
	t.Run("configured", func(t *testing.T) { configured(t, program) })
}

// build makes the binary as a release is made.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "octopool")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", program, "octopool")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// run runs a program in the files' folder and returns what it printed.
func run(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// read is one of the files.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Each alert fires when it should and not before.
func TestAlerts(t *testing.T) {
	if out, err := run(t, "promtool", "check", "rules", "alerts.yml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := run(t, "promtool", "test", "rules", "alerts_test.yml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	alerts, tests := read(t, "alerts.yml"), read(t, "alerts_test.yml")
	for _, name := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(alerts, -1) {
		if !strings.Contains(tests, "alertname: "+name[1]+"\n        exp_alerts:\n") {
			t.Errorf("no test in which %s fires", name[1])
		}
	}
}

// systemd knows every word of the unit, and finds little that it may do.
func TestService(t *testing.T) {
	// Analysts look for the program: any does.
	unit := filepath.Join(t.TempDir(), "octopool.service")
	write(t, unit, strings.Replace(read(t, "octopool.service"), "ExecStart=/usr/local/bin/octopool ", "ExecStart=/bin/true ", 1))
	if out, err := run(t, "systemd-analyze", "verify", "--man=no", unit); err != nil || out != "" {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err := run(t, "systemd-analyze", "security", "--offline=true", "--no-pager", unit)
	if err != nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	found := regexp.MustCompile(`Overall exposure level for \S+: ([\d.]+)`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("no level:\n%s", out)
	}
	if level, err := strconv.ParseFloat(found[1], 64); err != nil || level >= 2 {
		t.Errorf("exposure level %s, want less than 2.0:\n%s", found[1], out)
	}
}

// systemd knows every word of the sockets, and what it is that the service is started with:
// both of them, not blocking, by the names that octopool takes them by.
func TestSockets(t *testing.T) {
	dir := t.TempDir()
	service := strings.Replace(read(t, "octopool.service"), "ExecStart=/usr/local/bin/octopool ", "ExecStart=/bin/true ", 1)
	write(t, filepath.Join(dir, "octopool@.service"), service)
	if !strings.Contains(service, "\nNonBlocking=yes\n") {
		t.Error("the service would have the other's sockets block")
	}
	for _, name := range []string{"octopool.socket", "octopool-admin.socket"} {
		text := read(t, name)
		write(t, filepath.Join(dir, name), text)
		if !regexp.MustCompile(`(?m)^Sockets=.*\b` + regexp.QuoteMeta(name)).MatchString(service) {
			t.Errorf("the service does not take %s", name)
		}
		want := map[string]string{"octopool.socket": "proxy", "octopool-admin.socket": "admin"}[name]
		if !strings.Contains(text, "\nFileDescriptorName="+want+"\n") {
			t.Errorf("%s is not called %s", name, want)
		}
	}
	cmd := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", "octopool@a.service", "octopool.socket", "octopool-admin.socket")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// Compose reads its file, which names only files that are there or that it tells how to make.
func TestCompose(t *testing.T) {
	if out, err := run(t, "docker-compose", "--file", "compose.yaml", "config", "--quiet"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, file := range regexp.MustCompile(`- \./([\w.]+):`).FindAllStringSubmatch(read(t, "compose.yaml"), -1) {
		read(t, file[1])
	}
}

// A manifest is as much of a Kubernetes object as tests look at.
type manifest struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	Data     map[string]string
	Spec     struct {
		Replicas    int
		Selector    map[string]any
		PodSelector map[string]any `yaml:"podSelector"`
		Template    struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Grace           int            `yaml:"terminationGracePeriodSeconds"`
				SecurityContext map[string]any `yaml:"securityContext"`
				Containers      []struct {
					Name, Image     string
					Args            []string
					ReadinessProbe  map[string]any `yaml:"readinessProbe"`
					SecurityContext map[string]any `yaml:"securityContext"`
				}
			}
		}
	}
}

func manifests(t *testing.T) map[string]manifest {
	t.Helper()
	all := map[string]manifest{}
	in := yaml.NewDecoder(bytes.NewReader([]byte(read(t, "kubernetes.yaml"))))
	for {
		var m manifest
		if err := in.Decode(&m); err != nil {
			if len(all) == 0 || err.Error() != "EOF" {
				t.Fatal(err)
			}
			return all
		}
		all[m.Kind+" "+m.Metadata.Name] = m
	}
}

// Two octopools that outlive their requests, each in a container that can write nowhere and
// become nobody else; whatever selects them selects them.
func TestKubernetes(t *testing.T) {
	all := manifests(t)
	for _, name := range []string{"octopool", "redis"} {
		pod := all["Deployment "+name].Spec.Template
		if len(pod.Spec.Containers) != 1 {
			t.Fatalf("%s: %d containers", name, len(pod.Spec.Containers))
		}
		c := pod.Spec.Containers[0]
		if c.SecurityContext["readOnlyRootFilesystem"] != true || c.SecurityContext["allowPrivilegeEscalation"] != false || pod.Spec.SecurityContext["runAsNonRoot"] != true {
			t.Errorf("%s: %v %v", name, c.SecurityContext, pod.Spec.SecurityContext)
		}
		if c.ReadinessProbe == nil {
			t.Errorf("%s has no readiness probe", name)
		}
		label := pod.Metadata.Labels["app.kubernetes.io/name"]
		selectors := map[string]map[string]any{
			"Deployment": all["Deployment "+name].Spec.Selector["matchLabels"].(map[string]any), "Service": all["Service "+name].Spec.Selector,
			"NetworkPolicy": all["NetworkPolicy "+name].Spec.PodSelector["matchLabels"].(map[string]any),
		}
		if name == "octopool" {
			selectors["PodDisruptionBudget"] = all["PodDisruptionBudget octopool"].Spec.Selector["matchLabels"].(map[string]any)
		}
		for kind, s := range selectors {
			if len(s) != 1 || s["app.kubernetes.io/name"] != label || label == "" {
				t.Errorf("%s %s selects %v, the pods are %q", kind, name, s, label)
			}
		}
	}
	spec := all["Deployment octopool"].Spec
	if spec.Replicas != 2 || spec.Template.Spec.Grace <= 30+5 { // what serve takes to stop, and preStop
		t.Errorf("%d replicas that may take %d s to end", spec.Replicas, spec.Template.Spec.Grace)
	}
}

// The image has what octopool needs, belongs to nobody, and starts with a command there is.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("../../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, last, found := strings.Cut(string(text), "\nFROM scratch\n")
	if !found {
		t.Fatal("the last stage is not from scratch")
	}
	for _, line := range []string{
		"COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt", "USER 65532:65532",
		`ENTRYPOINT ["/octopool"]`, `CMD ["serve", "--config", "/etc/octopool/octopool.toml"]`,
	} {
		if !strings.Contains(last, line+"\n") {
			t.Errorf("not in it: %s", line)
		}
	}
}
