package launch

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Reach is nil when an octopool answers at this address.
func Reach(proxyURL string) error {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	resp, err := client.Get(proxyURL + "/-/healthz")
	if err != nil {
		return fmt.Errorf("no octopool at %s: start it with `octopool serve`, or unset OCTOPOOL_TOKEN to run one for this program only", proxyURL)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	if err != nil || !strings.HasPrefix(string(body), "octopool") {
		return fmt.Errorf("%s answers, but is no octopool", proxyURL)
	}
	return nil
}
