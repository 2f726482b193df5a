package admin

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"
)

// history tells of the last day, of one client if the query names it. There are thousands of
// numbers, so they are not indented.
func (c Config) history(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(c.History(r.URL.Query().Get("client"))) // an error is the reader's, who has left
}

// How often who looks on is told how octopool is, how long one may take to take it, and how
// many may look on at once. After eventLife one has to ask anew: the token may be another.
const (
	eventLife     = 10 * time.Minute
	eventEvery    = 2 * time.Second
	eventPatience = 10 * time.Second
	mostOnlookers = 32
)

// events tells the status every two seconds, as server-sent events called "status", until the
// reader leaves, ten minutes are over, its session ends ("ended" is the last event then) or the listener closes.
func (c Config) events(w http.ResponseWriter, r *http.Request) {
	select {
	case c.onlookers <- struct{}{}:
		defer func() { <-c.onlookers }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "as many look on as may at once", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold them back
	control := http.NewResponseController(w)
	tick := time.NewTicker(eventEvery)
	defer tick.Stop()
	over := time.NewTimer(eventLife)
	defer over.Stop()
	for {
		event := []byte("event: ended\ndata: {}\n\n")
		allowed := c.allows(r)
		if allowed {
			event = statusEvent(c.Status())
		}
		control.SetWriteDeadline(time.Now().Add(eventPatience))
		if _, err := w.Write(event); err != nil || control.Flush() != nil || !allowed {
			return
		}
		select {
		case <-tick.C:
		case <-over.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func statusEvent(s Status) []byte {
	var b bytes.Buffer
	b.WriteString("event: status\ndata: ")
	out := json.NewEncoder(&b) // which ends its one line
	out.SetEscapeHTML(false)
	out.Encode(s)
	b.WriteString("\n")
	return b.Bytes()
}
