package history

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// noon is at the beginning of a slot of every length.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// one is a reading in which a client has asked for one route so often, a point each.
func one(client string, n uint64) Reading {
	came := Tally{Requests: n, Spent: n}
	return Reading{
		Outcomes: map[string]uint64{"fetched": n},
		Clients:  map[string]Tally{client: came},
		Calls:    map[Call]Tally{{client, "/user"}: came},
	}
}

func total(numbers []uint64) (sum uint64) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

// What is counted between two readings is in the time between them, once, however often
// anybody looks.
func TestWhatCameBetweenReadings(t *testing.T) {
	h := New(noon)
	for i, r := range []struct {
		after time.Duration
		sum   uint64
	}{{0, 3}, {time.Second, 3}, {9 * time.Second, 5}, {10 * time.Second, 5}, {time.Minute, 12}, {2 * time.Hour, 20}} {
		h.Add(noon.Add(r.after), one("ci", r.sum))
		h.View(noon.Add(r.after), "")
		if got := total(h.View(noon.Add(r.after), "").Day.Spent); got != r.sum {
			t.Errorf("reading %d: %d points in all, want %d", i, got, r.sum)
		}
	}
	v := h.View(noon.Add(time.Minute), "")
	if got := total(v.Hour.Outcomes["fetched"]); got != 8 {
		t.Errorf("an hour that began after the first twelve has %d", got)
	}
	h = New(noon)
	h.Add(noon, one("ci", 5))
	h.Add(noon.Add(time.Minute), one("ci", 12))
	v = h.View(noon.Add(time.Minute), "")
	want := make([]uint64, fineSlots)
	want[fineSlots-7], want[fineSlots-1] = 5, 7
	if !slices.Equal(v.Hour.Outcomes["fetched"], want) || !slices.Equal(v.Hour.Spent, want) {
		t.Errorf("%v", v.Hour)
	}
	if from := noon.Add(time.Minute - 359*10*time.Second); !v.Hour.From.Equal(from) {
		t.Errorf("from %v, want %v", v.Hour.From, from)
	}
}

// What is older than an hour or a day is not in it, and a clock that is set back loses nothing.
func TestTimePasses(t *testing.T) {
	h := New(noon)
	h.Add(noon, one("ci", 10))
	at := func(d time.Duration) (hour, day uint64) {
		v := h.View(noon.Add(d), "")
		if len(v.Clients) == 0 {
			return 0, total(v.Day.Requests)
		}
		if v.Clients[0].Day.Requests != total(v.Day.Requests) {
			t.Errorf("after %v the client has %+v, and all %d", d, v.Clients[0], total(v.Day.Requests))
		}
		return v.Clients[0].Hour.Requests, total(v.Day.Requests)
	}
	for _, tt := range []struct {
		after     time.Duration
		hour, day uint64
	}{{0, 10, 10}, {-time.Hour, 10, 10}, {64 * time.Minute, 10, 10}, {65 * time.Minute, 0, 10}, {24*time.Hour - time.Second, 0, 10}, {24 * time.Hour, 0, 0}, {1000 * time.Hour, 0, 0}} {
		if hour, day := at(tt.after); hour != tt.hour || day != tt.day {
			t.Errorf("after %v: %d in an hour, %d in a day", tt.after, hour, day)
		}
	}
	h.Add(noon.Add(999*time.Hour), one("ci", 11))
	if hour, day := at(1000 * time.Hour); hour != 1 || day != 1 {
		t.Errorf("when the clock was set back: %d, %d", hour, day)
	}
}

// A client's view has what it asked for and its troubles, and nobody else's.
func TestViewOfOneClient(t *testing.T) {
	h := New(noon)
	h.Add(noon, Reading{
		Clients: map[string]Tally{"ci": {Requests: 3, Spent: 2, Refused: 1}, "ops": {Requests: 9, Spent: 9}},
		Calls:   map[Call]Tally{{"ci", "/user"}: {Requests: 1}, {"ci", "git"}: {Requests: 2, Spent: 2}, {"ops", "/user"}: {Requests: 9, Spent: 9}},
	})
	h.Trouble(noon, Trouble{Client: "ci", Path: "/a", Reason: "scope"})
	h.Trouble(noon, Trouble{Client: "ops", Path: "/b", Reason: "scope"})
	v := h.View(noon, "ci")
	if fmt.Sprint(v.Routes) != "[{git {2 2 0 0} {2 2 0 0}} {/user {1 0 0 0} {1 0 0 0}}]" || len(v.Clients) != 1 || v.Clients[0].Day != (Tally{3, 2, 0, 1}) ||
		total(v.Day.Requests) != 3 || total(v.Day.Refused) != 1 || len(v.Troubles) != 1 || v.Troubles[0].Path != "/a" {
		t.Errorf("%+v", v)
	}
	all := h.View(noon, "")
	if fmt.Sprint(all.Routes) != "[{/user {10 9 0 0} {10 9 0 0}} {git {2 2 0 0} {2 2 0 0}}]" || len(all.Clients) != 2 || all.Clients[0].Name != "ops" || len(all.Troubles) != 2 {
		t.Errorf("%+v", all)
	}
	text, err := json.Marshal(h.View(noon, "nobody"))
	if err != nil || strings.Contains(string(text), "null") {
		t.Errorf("a client that never came: %v %.200s", err, text)
	}
}

// However many clients and routes there are, no more than so many are kept: those that
// spend most.
func TestBoundedMemory(t *testing.T) {
	h := New(noon)
	r := Reading{Clients: map[string]Tally{}, Calls: map[Call]Tally{}, Budgets: map[Budget]int{}, Outcomes: map[string]uint64{}}
	for i := range 5000 {
		client, route := fmt.Sprintf("client-%d", i%2000), fmt.Sprintf("/route/%d", i)
		r.Clients[client] = Tally{Requests: 1}
		r.Calls[Call{client, route}] = Tally{Requests: 1}
		r.Budgets[Budget{client, route}] = i
		r.Outcomes[route] = 1
		h.Trouble(noon, Trouble{Client: client, Path: route})
	}
	r.Clients["big"] = Tally{Requests: 9, Spent: 1000}
	for step := range 5 {
		h.Add(noon.Add(time.Duration(step)*10*time.Second), r)
		r.Clients[fmt.Sprintf("new-%d", step)] = Tally{Requests: 1}
	}
	v := h.View(noon, "")
	if len(h.clients.days) > mostClients || len(h.routes.days) > mostRoutes || len(h.calls.days) > mostCalls || len(v.Budgets) > mostBudgets || len(v.Hour.Outcomes) > mostOutcomes || len(v.Troubles) != mostTroubles {
		t.Errorf("%d clients, %d routes, %d calls, %d budgets, %d outcomes, %d troubles", len(h.clients.days), len(h.routes.days), len(h.calls.days), len(v.Budgets), len(v.Hour.Outcomes), len(v.Troubles))
	}
	if v.Clients[0].Name != "big" || v.Clients[0].Day.Spent != 1000 {
		t.Errorf("the one that spends was forgotten: %+v", v.Clients[0])
	}
	if got := total(v.Day.Requests); got != 2000+9+4 {
		t.Errorf("%d requests in all: what is forgotten was counted again, or not at all", got)
	}
}

// The pace of a budget is over ten minutes, whatever came back meanwhile.
func TestBurn(t *testing.T) {
	for _, tt := range []struct {
		name  string
		slots []left
		want  float64
	}{
		{"nothing known", []left{0, 0, 0}, 0},
		{"one minute", []left{0, 0, 100}, 0},
		{"steady", []left{101, 91, 81, 71}, 10},
		{"nothing spent", []left{5, 5, 5}, 0},
		{"a reset between", []left{11, 1, 101, 91}, 20.0 / 3},
		{"a gap", []left{101, 0, 0, 71}, 10},
		{"long ago", append([]left{5000}, slices.Repeat([]left{7}, 12)...), 0},
	} {
		if got := burn(tt.slots); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	h := New(noon)
	for minute := range 30 {
		h.Add(noon.Add(time.Duration(minute)*time.Minute), Reading{Budgets: map[Budget]int{{"bot", "core"}: 5000 - 40*minute}})
	}
	v := h.View(noon.Add(29*time.Minute), "")
	if len(v.Budgets) != 1 || v.Budgets[0].PerMinute != 40 || *v.Budgets[0].Remaining[budgetSlots-1] != 3840 || v.Budgets[0].Remaining[0] != nil {
		t.Errorf("%+v", v.Budgets)
	}
	h.Add(noon.Add(time.Hour), Reading{})
	if v := h.View(noon.Add(time.Hour), ""); len(v.Budgets) != 0 {
		t.Errorf("a budget that is no more: %+v", v.Budgets)
	}
}

// The same trouble again is told once, with how often and when last; the newest is first.
func TestTroubles(t *testing.T) {
	h := New(noon)
	a := Trouble{Client: "ci", Method: "GET", Host: "api.github.com", Path: "/a", Status: 403, Reason: "scope", Detail: "may not"}
	b := a
	b.Path = "/b"
	h.Trouble(noon, a)
	h.Trouble(noon.Add(time.Second), b)
	h.Trouble(noon.Add(2*time.Second), a)
	long := a
	long.Path = "/" + strings.Repeat("ü", 400)
	h.Trouble(noon.Add(3*time.Second), long)
	got := h.View(noon, "").Troubles
	if len(got) != 3 || got[1].Path != "/a" || got[1].Times != 2 || !got[1].First.Equal(noon) || !got[1].Last.Equal(noon.Add(2*time.Second)) || got[2].Path != "/b" {
		t.Errorf("%+v", got)
	}
	if len(got[0].Path) > longest+len("…") || !strings.HasSuffix(got[0].Path, "ü…") {
		t.Errorf("a long path is %d bytes: %q", len(got[0].Path), got[0].Path)
	}
}

// What a refusal costs, from many goroutines; and what a look costs at forty busy clients.
func BenchmarkTrouble(b *testing.B) {
	for _, different := range []int{1, 1000} {
		b.Run(fmt.Sprint(different), func(b *testing.B) {
			h := New(noon)
			paths := make([]string, different)
			for i := range paths {
				paths[i] = fmt.Sprintf("/repos/acme/web/issues/%d", i)
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					h.Trouble(noon, Trouble{Client: "ci", Method: "GET", Host: "api.github.com", Path: paths[i%different], Status: 403, Reason: "scope", Detail: "octopool: client ci may not"})
				}
			})
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	h := New(noon)
	r := Reading{Clients: map[string]Tally{}, Calls: map[Call]Tally{}, Outcomes: map[string]uint64{}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for client := range 40 {
			name, n := fmt.Sprintf("client-%d", client), uint64(i)
			r.Clients[name] = Tally{n, n, n, n}
			for route := range 25 {
				r.Calls[Call{name, fmt.Sprintf("/route/%d", route)}] = Tally{n, n, n, n}
			}
		}
		h.Add(noon.Add(time.Duration(i)*10*time.Second), r)
	}
}
