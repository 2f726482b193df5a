package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"octopool/mitm/githubtest"
)

// A verb is what a session can ask of its world. What is wrong with the words ends the
// session.
type verb func(r *http.Request, words []string) (string, error)

// controls serves the commands github and daemon of testdata/lib/session: POST
// /WHOM/VERB with words as the values of w.
func (h *house) controls() http.Handler {
	mux := http.NewServeMux()
	for name, do := range h.verbs() {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			text, err := "", r.ParseForm()
			if err == nil {
				text, err = do(r, r.PostForm["w"])
			}
			if err != nil {
				http.Error(w, name+": "+err.Error(), http.StatusBadRequest)
				return
			}
			io.WriteString(w, text)
		})
	}
	return mux
}

func (h *house) verbs() map[string]verb {
	seen := 0 // how much of GitHub's log the session has been shown; sessions ask one thing at a time
	var last []githubtest.Seen
	news := func() []githubtest.Seen {
		all := h.seen()
		fresh := slices.Clone(all[seen:])
		seen = len(all)
		last = slices.DeleteFunc(fresh, func(one githubtest.Seen) bool { return isPools(one.Header) })
		return last
	}
	silent := func(do func(words []string) error) verb {
		return func(_ *http.Request, words []string) (string, error) { return "", do(words) }
	}
	return map[string]verb{
		// What GitHub has seen since it was last asked, a line each.
		"github/saw": func(*http.Request, []string) (string, error) {
			var b strings.Builder
			for _, one := range news() {
				fmt.Fprintln(&b, told(one))
			}
			return b.String(), nil
		},
		// By which form of Authorization each host was spoken to, in what was last shown.
		"github/authorized": func(*http.Request, []string) (string, error) {
			var b strings.Builder
			for _, one := range last {
				scheme, _, _ := strings.Cut(one.Header.Get("Authorization"), " ")
				fmt.Fprintf(&b, "%s %s: %s, %s\n", one.Method, one.Host, cmp.Or(scheme, "no Authorization"), one.Proto)
			}
			return b.String(), nil
		},
		// How bodies came to git's services.
		"github/bodies": func(*http.Request, []string) (string, error) {
			var b strings.Builder
			for _, one := range last {
				if one.Method == http.MethodPost {
					service := one.Path[strings.LastIndex(one.Path, "/")+1:]
					size := "small"
					switch {
					case one.BodyLength == 4:
						size = "4 bytes"
					case one.BodyLength > 1<<20:
						size = "beyond http.postBuffer"
					}
					fmt.Fprintf(&b, "%s: %s, %s, %s\n", service, size, cmp.Or(one.Header.Get("Content-Encoding"), "plain"), one.Proto)
				}
			}
			return b.String(), nil
		},
		// What that has cost.
		"github/cost": func(*http.Request, []string) (string, error) {
			requests, points := news(), 0
			for _, one := range requests {
				points += one.Points
			}
			return fmt.Sprintf("requests: %d, points: %d\n", len(requests), points), nil
		},
		"github/forget": silent(func([]string) error { news(); return nil }),

		"github/touch":  silent(func(w []string) error { h.github.Touch(w[0]); return nil }),
		"github/rename": silent(func(w []string) error { h.github.Rename(w[0], w[1]); return nil }),
		"github/write":  silent(func(w []string) error { h.github.WriteFile(w[0], w[1], w[2]); return nil }),
		// LOGIN RESOURCE USED: of 5000, until the hour that has begun is over.
		"github/budget": silent(func(w []string) error {
			used, err := strconv.Atoi(w[2])
			h.github.SetBudget(w[0], w[1], 5000, used, time.Time{})
			return err
		}),
		// HOST/PATH [HALF]: see gate.close.
		"github/hold": silent(func(w []string) error {
			half := 0
			if len(w) > 1 {
				var err error
				if half, err = strconv.Atoi(w[1]); err != nil {
					return err
				}
			}
			h.gate.close(w[0], half)
			return nil
		}),
		"github/let-go": silent(func([]string) error { h.gate.letGo(); return nil }),
		// Wait until a request is held.
		"github/held": func(r *http.Request, _ []string) (string, error) {
			return "", h.gate.until(r.Context(), func() bool { return h.gate.held > 0 })
		},
		// HOST/PATH BYTES: wait until GitHub has so much of what is sent there.
		"github/received": func(r *http.Request, w []string) (string, error) {
			n, err := strconv.ParseInt(w[1], 10, 64)
			if err != nil {
				return "", err
			}
			return "", h.gate.until(r.Context(), func() bool { return h.gate.received[w[0]] >= n })
		},

		"daemon/signal": silent(func(w []string) error { return h.daemon.signal(w[0]) }),
		// Wait for the end and say how it was.
		"daemon/wait": func(r *http.Request, _ []string) (string, error) {
			return h.daemon.wait(r.Context()) + "\n", nil
		},
		"daemon/start": silent(func([]string) error { return h.daemon.start() }),
		// N: kill it in the midst of the nth request to GitHub from now on.
		"daemon/kill-at": silent(func(w []string) error {
			n, err := strconv.Atoi(w[0])
			h.gate.after(n, h.daemon.die)
			return err
		}),
		"daemon/alarms": func(*http.Request, []string) (string, error) { return h.daemon.alarms(), nil },
		"daemon/peak": func(*http.Request, []string) (string, error) {
			bytes, err := h.daemon.peak()
			return fmt.Sprintln(bytes), err
		},
	}
}

// isPools reports whether octopool's pool asks for itself whose a token is. It does so once
// for each token, at a moment that no session can know.
func isPools(h http.Header) bool { return strings.HasSuffix(h.Get("User-Agent"), "(pool)") }

// told is a request in a line: without the query, which may be signed.
func told(one githubtest.Seen) string {
	who := one.Login
	if who == "" {
		who = "nobody"
	}
	return fmt.Sprintf("%s %s%s: %d as %s, %d points", one.Method, one.Host, one.Path, one.Status, who, one.Points)
}
