package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"octopool/policy"
)

// noon is when the status of these tests was taken.
func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func in(d time.Duration) time.Time { return noon().Add(d) }

// busy is an octopool with two pools, of which one cannot serve.
func busy() Status {
	retry := in(9*time.Minute + 30*time.Second)
	allowance := Budget{Limit: 2000, Used: 1250, Remaining: 750, Reset: in(12*time.Minute + time.Second)}
	return Status{
		Version: "1.2.3", Started: in(-27 * time.Hour), Now: noon(),
		Configuration: Configuration{
			Loaded: in(-26 * time.Hour), Read: in(-3 * time.Minute),
			Problems: []string{"octopool.toml:12: client[1].scopes[0]: this is no scope"}, Restart: []string{"proxy.listen, and tunnel with it"},
		},
		Pools: []Pool{
			{GitHub: "ghe.example", Name: "default", Credentials: []Credential{
				{Name: "old", Kind: "pat", Reason: "GitHub answered 401 Bad credentials", Retry: &retry, Budgets: map[string]Budget{}},
			}},
			{GitHub: "github.com", Name: "default", Ready: true, Credentials: []Credential{
				{Name: "app.acme", Kind: "installation", Owner: "acme", Principal: "installation 42 of acme", Up: true, InFlight: 3, Budgets: map[string]Budget{
					"core": {Limit: 12500, Used: 500, Remaining: 12000, Reset: in(12 * time.Minute)}, "graphql": {Limit: 5000, Remaining: 5000, Reset: in(time.Hour)}}},
				{Name: "bot", Kind: "pat", Principal: "user octo-bot", Up: true, Budgets: map[string]Budget{"core": {Limit: 5000, Used: 5000, Reset: in(42 * time.Second)}}},
				{Name: "bot2", Kind: "pat", Principal: "user octo-bot", Up: true, Budgets: map[string]Budget{}},
			}},
		},
		Clients: []Client{
			{Name: "-", Requests: map[string]uint64{"refused": 2}, PointsSpent: map[string]uint64{}, PointsSaved: map[string]uint64{}, Refused: map[string]uint64{"unknown_token": 2}, WouldRefuse: map[string]uint64{}},
			{Name: "ci", Allowance: &allowance, InFlight: 3, Waiting: 1, Requests: map[string]uint64{"fetched": 1000, "revalidated": 400, "refused": 3},
				PointsSpent: map[string]uint64{"core": 1000, "graphql": 250}, PointsSaved: map[string]uint64{"core": 400}, Refused: map[string]uint64{"scope": 1, "pace": 2}, WouldRefuse: map[string]uint64{"scope": 3}},
		},
		Store:   Store{Entries: 1, Bytes: 5 << 20, Evictions: 12},
		Formula: Formula{Match: 1000, Mismatch: 1},
		Tunnels: Tunnels{Active: 2, SentBytes: 1023, ReceivedBytes: 1536},
	}
}

// The names of the keys are a promise: whoever reads them does not read this code.
func TestStatusIsJSON(t *testing.T) {
	s := busy()
	s.Pools = s.Pools[:1]
	s.Clients = s.Clients[1:]
	status, header, body := ask(t, Config{Status: func() Status { return s }}, "GET", "/api/status", "")
	if status != 200 || header.Get("Content-Type") != "application/json; charset=utf-8" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", status, header)
	}
	const want = `{
  "version": "1.2.3",
  "started": "2026-11-22T09:00:00Z",
  "now": "2026-11-23T12:00:00Z",
  "configuration": {
    "current": false,
    "loaded": "2026-11-22T10:00:00Z",
    "read": "2026-11-23T11:57:00Z",
    "problems": [
      "octopool.toml:12: client[1].scopes[0]: this is no scope"
    ],
    "restart": [
      "proxy.listen, and tunnel with it"
    ]
  },
  "pools": [
    {
      "github": "ghe.example",
      "name": "default",
      "ready": false,
      "credentials": [
        {
          "name": "old",
          "kind": "pat",
          "owner": "",
          "principal": "",
          "up": false,
          "reason": "GitHub answered 401 Bad credentials",
          "retry": "2026-11-23T12:09:30Z",
          "in_flight": 0,
          "budgets": {}
        }
      ]
    }
  ],
  "clients": [
    {
      "name": "ci",
      "allowance": {
        "limit": 2000,
        "used": 1250,
        "remaining": 750,
        "reset": "2026-11-23T12:12:01Z"
      },
      "in_flight": 3,
      "waiting": 1,
      "requests": {
        "fetched": 1000,
        "refused": 3,
        "revalidated": 400
      },
      "points_spent": {
        "core": 1000,
        "graphql": 250
      },
      "points_saved": {
        "core": 400
      },
      "refused": {
        "pace": 2,
        "scope": 1
      },
      "would_refuse": {
        "scope": 3
      }
    }
  ],
  "store": {
    "entries": 1,
    "bytes": 5242880,
    "errors": 0,
    "evictions": 12
  },
  "formula": {
    "match": 1000,
    "mismatch": 1
  },
  "tunnels": {
    "active": 2,
    "sent_bytes": 1023,
    "received_bytes": 1536
  }
}
`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := busy().WriteTable(&out); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
octopool 1.2.3, ready, started 1d3h ago

Configuration: not reloaded 3m ago; in use is that of 1d2h ago
  octopool.toml:12: client[1].scopes[0]: this is no scope
Needs a restart: proxy.listen, and tunnel with it

CREDENTIAL  KIND          POOL                    OWNER     STATE  CORE                GRAPHQL
old         pat           default of ghe.example  -         down   -                   -                GitHub answered 401 Bad credentials, tried again in 9m
app.acme    installation  default of github.com   acme      up     12000/12500 in 12m  5000/5000 in 1h
bot         pat           default of github.com   octo-bot  up     0/5000 in 42s       -
bot2        pat           default of github.com   octo-bot  up     -                   -                spends with bot

CLIENT  REQUESTS  SPENT  SAVED  ALLOWANCE        IN FLIGHT  WAITING  REFUSED
-       2         0      0      -                0          0        2 unknown_token
ci      1403      1250   400    750/2000 in 12m  3          1        2 pace, 1 scope, 3 scope reported only

Store: 1 answer in 5.0 MiB, 0 errors, 12 evictions
ETags: 1000 as computed, 1 not
Tunnels: 2 open, 1023 B sent, 1.5 KiB received
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A terminal obeys what it is sent, and accounts and reasons are others' words.
func TestTableIsHarmless(t *testing.T) {
	s := busy()
	s.Version = "1\x1b[2J"
	s.Configuration.Problems[0], s.Configuration.Restart[0] = "\x1b[2Ja\nb", "c\nd"
	s.Pools[0].Credentials[0].Reason = "\x1b]0;you\aare\nmine\t\u202egnorw"
	s.Pools[1].Credentials[0].Owner = "a\r\x9bcme"
	var out strings.Builder
	s.WriteTable(&out)
	for _, r := range out.String() {
		if r != '\n' && (r < ' ' || r == 0x7f || r == 0x9b || r == 0x202e) {
			t.Errorf("it holds %q:\n%q", r, out.String())
		}
	}
	if got, want := strings.Count(out.String(), "\n"), 19; got != want {
		t.Errorf("it has %d lines, want %d:\n%s", got, want, out.String())
	}
}

func TestHowDurationsAreSaid(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 999 * time.Millisecond: "0s", 59*time.Second + 999*time.Millisecond: "59s", time.Minute: "1m",
		time.Hour - 1: "59m", time.Hour: "1h", 90 * time.Minute: "1h30m", 24*time.Hour - 1: "23h59m", 24 * time.Hour: "1d", 49*time.Hour + time.Minute: "2d1h",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is said as %s, want %s", d, got, want)
		}
	}
}

func TestHowSizesAreSaid(t *testing.T) {
	for bytes, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 20: "1.0 MiB", 3 << 29: "1.5 GiB", 1 << 60: "1024.0 PiB", 1<<64 - 1: "16384.0 PiB",
	} {
		if got := size(bytes); got != want {
			t.Errorf("%d is said as %s, want %s", bytes, got, want)
		}
	}
}

// What is asked for over a socket is what was there.
func TestAsk(t *testing.T) {
	server := httptest.NewServer(Handler(Config{Token: policy.NewSecret("secret"), Status: busy}))
	defer server.Close()
	got, text, err := Ask(t.Context(), server.URL, policy.NewSecret("secret"))
	if err != nil || !reflect.DeepEqual(got, busy()) {
		t.Errorf("%v %+v", err, got)
	}
	var again Status
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("the JSON: %v %s", err, text)
	}
	for _, token := range []policy.Secret{{}, policy.NewSecret("wrong")} {
		if _, text, err := Ask(t.Context(), server.URL, token); err != ErrWrongToken || text != nil {
			t.Errorf("%v %s", err, text)
		}
	}
	server.Close()
	if _, _, err := Ask(t.Context(), server.URL, policy.NewSecret("secret")); !errors.Is(err, ErrNotRunning) || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody there: %v", err)
	}
}

// The token goes to no other place than the one that was named, and what answers there
// is not believed to be an octopool for nothing.
func TestAskNoOctopool(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other place was asked") }))
	defer other.Close()
	for want, answer := range map[string]http.HandlerFunc{
		"URL answers with 302 Found: it is no octopool, or an older one": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusFound)
		},
		"URL answers with 404 Not Found: it is no octopool, or an older one": http.NotFound,
		"URL answers, but is no octopool":                                    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") },
		"URL: its answer ended early: unexpected EOF": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"version":"1"`)
		},
	} {
		server := httptest.NewServer(answer)
		_, text, err := Ask(t.Context(), server.URL, policy.NewSecret("secret"))
		if err == nil || strings.ReplaceAll(err.Error(), server.URL, "URL") != want || text != nil {
			t.Errorf("%v, want %s", err, want)
		}
		server.Close()
	}
}
