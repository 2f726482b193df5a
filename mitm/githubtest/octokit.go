package githubtest

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed testdata/octokit/play.mjs
var playScript []byte

// An Octokit is a real octokit client, run by Node, configured as a CI job
// configures it: by its environment. It needs OCTOPOOL_NODE_MODULES, a
// node_modules folder with octokit and undici, which scripts/test makes.
type Octokit struct {
	Proxy  string // URL, its HTTPS_PROXY
	CAFile string // PEM file, its NODE_EXTRA_CA_CERTS
	Token  string // its GITHUB_TOKEN
}

// An OctokitAnswer is what octokit's fetch was handed for one request.
type OctokitAnswer struct {
	Status int
	Header http.Header
	Length int    // of the body, any Content-Encoding undone
	SHA256 string // of the same bytes, in hex
	Err    string // why there was no answer; the rest is then zero
}

// Play sends the requests of the exchanges one after the other, with octokit's
// own Authorization and User-Agent and the recorded Accept and bodies, follows
// no redirect, retries nothing, and returns an answer for each.
func (o Octokit) Play(ctx context.Context, exchanges []Exchange) ([]OctokitAnswer, error) {
	folder, err := nodeModules()
	if err != nil {
		return nil, err
	}
	input, err := playInput(exchanges)
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "octokit-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	script := filepath.Join(home, "play.mjs")
	if err := os.WriteFile(script, playScript, 0o600); err != nil {
		return nil, err
	}
	node := exec.CommandContext(ctx, "node", script)
	node.Stdin = bytes.NewReader(input)
	var stdout, stderr bytes.Buffer
	node.Stdout, node.Stderr = &stdout, &stderr
	node.Env = []string{ // nothing of the caller's, so that its own proxy and tokens stay out
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"OCTOPOOL_NODE_MODULES=" + folder,
		"HTTPS_PROXY=" + o.Proxy,
		"NODE_EXTRA_CA_CERTS=" + o.CAFile,
		"GITHUB_TOKEN=" + o.Token,
	}
	if err := node.Run(); err != nil {
		return nil, fmt.Errorf("octokit: %w: %s", cmp.Or(ctx.Err(), err), stderr.Bytes())
	}
	answers, err := parsePlayed(stdout.Bytes())
	if err != nil {
		return nil, err
	}
	if len(answers) != len(exchanges) {
		return nil, fmt.Errorf("octokit: %d answers to %d requests", len(answers), len(exchanges))
	}
	return answers, nil
}

// playInput is what the script reads.
func playInput(exchanges []Exchange) ([]byte, error) {
	type request struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	requests := make([]request, len(exchanges))
	for i, e := range exchanges {
		headers := map[string]string{}
		if e.Accept != "" {
			headers["accept"] = e.Accept
		}
		if e.ContentType != "" {
			headers["content-type"] = e.ContentType
		}
		requests[i] = request{e.Method, "https://" + e.Host + e.Path, headers, e.RequestBody}
	}
	return json.Marshal(requests)
}

// parsePlayed reads what the script prints.
func parsePlayed(output []byte) ([]OctokitAnswer, error) {
	var answers []OctokitAnswer
	for text := range bytes.Lines(output) {
		var line struct {
			Status  int
			Headers map[string][]string
			SHA256  string
			Length  int
			Error   string
		}
		if err := json.Unmarshal(text, &line); err != nil {
			return nil, fmt.Errorf("octokit printed %q: %w", text, err)
		}
		answer := OctokitAnswer{Status: line.Status, SHA256: line.SHA256, Length: line.Length, Err: line.Error}
		if line.Headers != nil {
			answer.Header = http.Header{}
		}
		for name, values := range line.Headers {
			answer.Header[http.CanonicalHeaderKey(name)] = values
		}
		answers = append(answers, answer)
	}
	return answers, nil
}
