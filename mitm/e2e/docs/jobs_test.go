package docs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"octopool/mitm/launch"
)

// A workflow is a file of GitHub Actions, as far as octopool has to do with it.
type workflow struct {
	Permissions map[string]string
	Env         map[string]string
	Jobs        map[string]struct {
		Env   map[string]string
		Steps []struct {
			Uses string
			With map[string]string
			Env  map[string]string
			Run  string
		}
	}
}

// A gitlabJob is one of GitLab CI.
type gitlabJob struct {
	Variables    map[string]string
	Tokens       map[string]struct{ Aud string } `yaml:"id_tokens"`
	BeforeScript []string                        `yaml:"before_script"`
	Script       []string
}

// A pod is a manifest, or values of a chart, with a container that is a runner.
type pod struct {
	Template struct {
		Spec struct {
			Containers []struct {
				Name string
				Env  []struct{ Name, Value string }
			}
		}
	}
}

// job is a CI system's file as a script that does what its runner would. It has a
// home and an environment of its own, as a job has, and what its section put into the
// runner's.
func job(text string) (string, error) {
	var actions workflow
	var containers pod
	var gitlab map[string]gitlabJob
	if err := yaml.Unmarshal([]byte(text), &actions); err == nil && len(actions.Jobs) > 0 {
		return actions.script()
	}
	if err := yaml.Unmarshal([]byte(text), &containers); err == nil && len(containers.Template.Spec.Containers) > 0 {
		return containers.script()
	}
	if err := yaml.Unmarshal([]byte(text), &gitlab); err != nil {
		return "", err
	}
	var script strings.Builder
	for _, name := range slices.Sorted(maps.Keys(gitlab)) {
		job := gitlab[name]
		if len(job.Script) == 0 {
			return "", fmt.Errorf("%s has no script", name)
		}
		variables := map[string]string{}
		maps.Copy(variables, job.Variables)
		for name, token := range job.Tokens {
			if token.Aud != "octopool" {
				return "", fmt.Errorf("%s is a token for %q", name, token.Aud)
			}
			variables[name] = "$OIDC_GITLAB"
		}
		lines := slices.Concat(job.BeforeScript, job.Script)
		// A masked variable of the project, and GitLab's own: $VAR is GitLab's to put in.
		script.WriteString(shell(exports(variables) + strings.Join(lines, "\n") + "\n"))
	}
	return script.String(), nil
}

var secret = regexp.MustCompile(`\$\{\{ *secrets\.OCTOPOOL_TOKEN *\}\}`)

// script runs the steps one after the other; what one appends to GITHUB_ENV the next have.
// Of actions there is checkout, which gives git a header.
func (w workflow) script() (string, error) {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
		for i, step := range w.Jobs[name].Steps {
			env := maps.Clone(w.Env)
			if env == nil {
				env = map[string]string{}
			}
			if w.Permissions["id-token"] == "write" {
				env["ACTIONS_ID_TOKEN_REQUEST_URL"], env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "$OIDC_URL", "$OIDC_BEARER"
			}
			maps.Copy(env, w.Jobs[name].Env)
			maps.Copy(env, step.Env)
			run := step.Run
			if strings.HasPrefix(step.Uses, "actions/checkout@") {
				run = checkout(step.With)
			}
			if run == "" {
				return "", fmt.Errorf("step %d of %s is none that is known here", i+1, name)
			}
			out.WriteString(shell("if [ -f /opt/actions-runner/.env ]; then set -a; . /opt/actions-runner/.env; set +a; fi\n" +
				"export GITHUB_ACTIONS=true GITHUB_ENV=$HOME/.github-env; touch $GITHUB_ENV; set -a; . $GITHUB_ENV; set +a\n" +
				exports(env) + run + "\n"))
		}
	}
	text := strings.ReplaceAll(secret.ReplaceAllString(out.String(), "$$OCTOPOOL_CLIENT_TOKEN"), "${{ github.run_id }}", "30433642")
	if strings.Contains(text, "${{") {
		return "", fmt.Errorf("an expression that is not known here: %s", text)
	}
	return text, nil
}

// checkout is what actions/checkout does with a token (its src/git-auth-helper.ts).
func checkout(with map[string]string) string {
	token := with["token"]
	if token == "" {
		token = "${GITHUB_TOKEN-}"
	}
	repository := with["repository"]
	if repository == "" {
		repository = "acme/web"
	}
	return fmt.Sprintf(`rm -rf work; git -c http.https://github.com/.extraheader="AUTHORIZATION: basic $(printf 'x-access-token:%%s' "%s" | base64 -w 0)" clone -q https://github.com/%s work; echo "checked out %[2]s"`, token, repository)
}

// script runs gh in the container, which is what a runner's job does.
func (p pod) script() (string, error) {
	var out strings.Builder
	for _, c := range p.Template.Spec.Containers {
		env := map[string]string{}
		for _, e := range c.Env {
			env[e.Name] = e.Value
		}
		env["GH_TOKEN"] = "$OCTOPOOL_CLIENT_TOKEN"
		out.WriteString(shell(exports(env) + "gh api repos/acme/web --jq .full_name\n"))
	}
	return out.String(), nil
}

// exports is an environment in a shell, with its own variables put in.
func exports(env map[string]string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&out, "export %s=\"%s\"\n", name, env[name])
	}
	return out.String()
}

// shell runs a script as a job's: nothing of the section's shell is there but the
// token, which the CI system keeps.
func shell(script string) string {
	return `mkdir -p ~/job && (cd ~/job && env -i PATH="$PATH" HOME=~/job LANG=C.UTF-8 OIDC_URL="$OIDC_URL" OIDC_BEARER="$OIDC_BEARER" OIDC_GITLAB="$OIDC_GITLAB" OCTOPOOL_CLIENT_TOKEN="${OCTOPOOL_CLIENT_TOKEN-}" OCTOPOOL_TOKEN="${OCTOPOOL_CLIENT_TOKEN-}" bash -euo pipefail -c ` + launch.Quote(script) + ")\n"
}

var (
	credentials = regexp.MustCompile(`(?m)^\s*(\w+) *= *credentials\('[\w-]+'\)`)
	setting     = regexp.MustCompile(`(?m)^\s*([A-Za-z_]+) *= *'([^']*)'`)
	shStep      = regexp.MustCompile(`(?s)\bsh +(?:'''(.*?)'''|'([^'\n]*)')`)
)

// pipeline is a declarative Jenkinsfile: its environment, and its sh steps.
func pipeline(text string) (string, error) {
	if !strings.HasPrefix(text, "pipeline {") || strings.Count(text, "{") != strings.Count(text, "}") {
		return "", fmt.Errorf("not a declarative pipeline")
	}
	env := map[string]string{}
	for _, m := range setting.FindAllStringSubmatch(text, -1) {
		env[m[1]] = m[2]
	}
	for _, m := range credentials.FindAllStringSubmatch(text, -1) {
		env[m[1]] = "$OCTOPOOL_CLIENT_TOKEN"
	}
	steps := shStep.FindAllStringSubmatch(text, -1)
	if len(steps) == 0 || len(steps) != strings.Count(text, "sh '") {
		return "", fmt.Errorf("%d sh steps could be read", len(steps))
	}
	var out strings.Builder
	for _, m := range steps {
		out.WriteString(shell(exports(env) + m[1] + m[2] + "\n"))
	}
	return out.String(), nil
}

// The jobs' scripts are the steps of each CI system's own file, with its secrets.
func TestJobs(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"on: push\njobs:\n  a:\n    env: { GH_TOKEN: '${{ secrets.OCTOPOOL_TOKEN }}' }\n    steps:\n      - run: gh api user\n", `export GH_TOKEN="$OCTOPOOL_CLIENT_TOKEN"` + "\ngh api user"},
		{"jobs: { a: { steps: [ { uses: actions/checkout@v5, with: { token: T } } ] } }\n", "x-access-token:%s'\\'' \"T\""},
		{"a:\n  variables: { A: b }\n  script: [ gh api user ]\n", `export A="b"` + "\ngh api user"},
	} {
		got, err := job(tt.text)
		if err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %v\n%s", tt.text, err, got)
		}
	}
	for _, text := range []string{"a: { stage: b }\n", "jobs: { a: { steps: [ { uses: b } ] } }\n", "jobs: { a: { steps: [ { run: '${{ b }}' } ] } }\n", "a: b\n"} {
		if got, err := job(text); err == nil {
			t.Errorf("%s is run as\n%s", text, got)
		}
	}
	got, err := pipeline("pipeline {\n  environment {\n    GH_TOKEN = credentials('octopool')\n  }\n  sh 'gh api user'\n}\n")
	if err != nil || !strings.Contains(got, `export GH_TOKEN="$OCTOPOOL_CLIENT_TOKEN"`+"\ngh api user") {
		t.Errorf("%v\n%s", err, got)
	}
}
