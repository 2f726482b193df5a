package admin

import (
	"encoding/json"
	"mime"
	"net/http"
	"time"
)

// Configuration is how octopool stands to what is written in its file.
type Configuration struct {
	Current  bool      `json:"current"`  // whether the last reading of it could be used
	Loaded   time.Time `json:"loaded"`   // when what octopool goes by was read
	Read     time.Time `json:"read"`     // when it was read the last time
	Problems []string  `json:"problems"` // why that reading could not be used, with file and line
	Restart  []string  `json:"restart"`  // keys whose change waits for a restart
}

// Reloaded is what POST /api/reload answers: 200, or 422 when there are problems and
// nothing has changed.
type Reloaded struct {
	Changed  []string `json:"changed"` // "client ci added", "tunnel"
	Restart  []string `json:"restart"`
	Problems []string `json:"problems"`
}

// reload has the configuration read anew.
func (c Config) reload(w http.ResponseWriter, r *http.Request) {
	if !sendsJSON(r) {
		http.Error(w, "send JSON as application/json, such as {}", http.StatusUnsupportedMediaType)
		return
	}
	done := c.Reload(r.Context())
	if len(done.Problems) == 0 {
		answer(w, done)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusUnprocessableEntity)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	out.Encode(done)
}

// sendsJSON reports whether a request says so. A page in an operator's browser can send a
// form here, and no JSON: that it would have to ask for first (CORS), and nobody answers.
func sendsJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

// lines tell what an operator should know of the configuration; there are none if all of
// it is in use.
func (c Configuration) lines(now time.Time) string {
	if c.Loaded.IsZero() {
		return "" // an older octopool, which tells nothing of it
	}
	text := ""
	if !c.Current {
		text += "Configuration: not reloaded " + span(now.Sub(c.Read)) + " ago; in use is that of " + span(now.Sub(c.Loaded)) + " ago\n"
	}
	for _, problem := range c.Problems {
		text += "  " + printable(problem) + "\n"
	}
	for _, key := range c.Restart {
		text += "Needs a restart: " + printable(key) + "\n"
	}
	return text
}
