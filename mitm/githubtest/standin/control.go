package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"octopool/mitm/githubtest"
)

// control is the listener for scripts. Answers are plain lines. What is wrong
// with a request, a repository that is not there for one, is a 400 that says so.
//
//	GET  /seen                  the log, one request a line
//	GET  /points                LOGIN RESOURCE POINTS lines, sorted; - for the anonymous
//	GET  /points?login=L        the sum for one login; login= or login=- for the anonymous
//	POST /reset                 empty the log
//	POST /contains              TEXT: where in the log it occurs, one place a line
//	POST /touch?repo=           change a repository
//	POST /edit-issue?repo=&number=&title=
//	POST /budget?login=&resource=&limit=&used=&reset=    reset in seconds from now; left out, the window stays
//	POST /secondary?login=&retry_after=&status=          retry_after in seconds; left out, no such header; status 0 ends it
//	                            where a login is named, installation:ID is an installation's
//	POST /revoke                TOKEN: 401 from now on
func control(s *githubtest.Server) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(query url.Values, body string) (string, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			text, err := safely(func() (string, error) { return f(r.URL.Query(), string(body)) })
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			io.WriteString(w, text)
		})
	}
	handle("GET /seen", func(url.Values, string) (string, error) {
		var b strings.Builder
		for _, seen := range s.Seen() {
			fmt.Fprintln(&b, seen)
		}
		return b.String(), nil
	})
	handle("GET /points", func(query url.Values, _ string) (string, error) {
		if query.Has("login") {
			return pointsOf(s, query.Get("login")), nil
		}
		return points(s), nil
	})
	handle("POST /reset", func(url.Values, string) (string, error) {
		s.ResetSeen()
		return "", nil
	})
	handle("POST /contains", func(_ url.Values, text string) (string, error) {
		return lines(s.Contains(text)), nil
	})
	handle("POST /touch", func(query url.Values, _ string) (string, error) {
		s.Touch(query.Get("repo"))
		return "", nil
	})
	handle("POST /edit-issue", func(query url.Values, _ string) (string, error) {
		number, err := whole(query, "number")
		if err == nil {
			s.EditIssue(query.Get("repo"), number, query.Get("title"))
		}
		return "", err
	})
	handle("POST /budget", func(query url.Values, _ string) (string, error) { return "", setBudget(s, query) })
	handle("POST /secondary", func(query url.Values, _ string) (string, error) { return "", setSecondary(s, query) })
	handle("POST /revoke", func(_ url.Values, token string) (string, error) {
		s.Revoke(strings.TrimSpace(token))
		return "", nil
	})
	return mux
}

// safely turns the panic by which the stand-in complains of a test's mistake
// into an error. Any other panic goes on.
func safely(f func() (string, error)) (text string, err error) {
	defer func() {
		switch complaint := recover().(type) {
		case nil:
		case string:
			if !strings.HasPrefix(complaint, "githubtest: ") {
				panic(complaint)
			}
			err = fmt.Errorf("%s", strings.TrimPrefix(complaint, "githubtest: "))
		default:
			panic(complaint)
		}
	}()
	return f()
}

func lines(all []string) string {
	var b strings.Builder
	for _, line := range all {
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

func points(s *githubtest.Server) string {
	var all []string
	for login, resources := range s.Points() {
		for resource, spent := range resources {
			all = append(all, fmt.Sprintf("%s %s %d", cmp.Or(login, "-"), resource, spent))
		}
	}
	slices.Sort(all)
	return lines(all)
}

func pointsOf(s *githubtest.Server, login string) string {
	if login == "-" {
		login = ""
	}
	sum := 0
	for name, resources := range s.Points() {
		if !strings.EqualFold(name, login) {
			continue
		}
		for _, spent := range resources {
			sum += spent
		}
	}
	return fmt.Sprintln(sum)
}

func setBudget(s *githubtest.Server, query url.Values) error {
	limit, err := whole(query, "limit")
	if err != nil {
		return err
	}
	used, err := whole(query, "used")
	if err != nil {
		return err
	}
	var reset time.Time
	if query.Has("reset") {
		seconds, err := whole(query, "reset")
		if err != nil {
			return err
		}
		reset = time.Now().Add(time.Duration(seconds) * time.Second)
	}
	s.SetBudget(query.Get("login"), cmp.Or(query.Get("resource"), "core"), limit, used, reset)
	return nil
}

func setSecondary(s *githubtest.Server, query url.Values) error {
	status := http.StatusForbidden
	var retryAfter *time.Duration
	if query.Has("status") {
		n, err := whole(query, "status")
		if err != nil {
			return err
		}
		status = n
	}
	if query.Has("retry_after") {
		seconds, err := whole(query, "retry_after")
		if err != nil {
			return err
		}
		retryAfter = new(time.Duration)
		*retryAfter = time.Duration(seconds) * time.Second
	}
	s.Secondary(query.Get("login"), retryAfter, status)
	return nil
}

// whole is a query parameter that has to be a number.
func whole(query url.Values, name string) (int, error) {
	n, err := strconv.Atoi(query.Get(name))
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a number", name, query.Get(name))
	}
	return n, nil
}
