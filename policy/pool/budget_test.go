package pool

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// state is a budget in words: what is left, of how much, until when.
func state(b *budget, now time.Time) string {
	s := b.standing(now)
	return fmt.Sprintf("%d of %d until %s", s.Remaining, s.Limit, s.Reset.UTC().Format("15:04:05"))
}

func TestBudgetLearns(t *testing.T) {
	half := in(30 * time.Minute)
	later := in(45 * time.Minute)
	for _, tt := range []struct {
		name string
		told []Report
		want string
	}{
		{"unheard of is full", nil, "5000 of 5000 until 13:00:00"},
		{"what is told counts", []Report{core(100, half)}, "4900 of 5000 until 12:30:00"},
		{"use that grows is believed", []Report{core(100, half), core(101, half)}, "4899 of 5000 until 12:30:00"},
		{"an answer that comes late is not", []Report{core(101, half), core(100, half)}, "4899 of 5000 until 12:30:00"},
		{"the same again changes nothing", []Report{core(101, half), core(101, half)}, "4899 of 5000 until 12:30:00"},
		{"a window that has ended is not believed", []Report{core(4999, in(-time.Second))}, "5000 of 5000 until 13:00:00"},
		{"nor one that ends now", []Report{core(4999, noon())}, "5000 of 5000 until 13:00:00"},
		{"nor after a live one", []Report{core(100, half), core(4999, in(-time.Second))}, "4900 of 5000 until 12:30:00"},
		{"of two windows the tighter one counts", []Report{core(100, half), core(4000, later)}, "1000 of 5000 until 12:45:00"},
		{"in whatever order they come", []Report{core(4000, later), core(100, half)}, "1000 of 5000 until 12:45:00"},
		{"by turns", []Report{core(10, half), core(12, later), core(11, half), core(13, later), core(14, half)}, "4986 of 5000 until 12:30:00"},
		{"a reset that wavers is one window in effect", []Report{core(10, half), core(11, half.Add(time.Second)), core(12, half), core(10, half.Add(time.Second))}, "4988 of 5000 until 12:30:00"},
		{"milliseconds are no reset", []Report{core(5000, time.Unix(1507651200000, 0))}, "5000 of 5000 until 13:00:00"},
		{"nor do they disturb what is known", []Report{core(100, half), core(5000, time.Unix(1507651200000, 0))}, "4900 of 5000 until 12:30:00"},
		{"an hour and a clock that is off are believed", []Report{core(5000, in(farthest))}, "0 of 5000 until 14:00:00"},
		{"more is not", []Report{core(5000, in(farthest+time.Second))}, "5000 of 5000 until 13:00:00"},
		{"another limit is believed", []Report{{"core", 15000, 1, 14999, half}}, "14999 of 15000 until 12:30:00"},
		{"overdrawn is nothing left", []Report{{"core", 5000, 5050, 0, half}}, "0 of 5000 until 12:30:00"},
		{"more left than there is, is all there is", []Report{{"core", 60, 0, 5000, half}}, "60 of 60 until 12:30:00"},
	} {
		b := newBudget("core")
		for _, r := range tt.told {
			b.learn(r, noon())
		}
		if got := state(b, noon()); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// GitHub refills at the reset, whatever was heard before, and a new window is believed
// even though its use is smaller.
func TestBudgetRefills(t *testing.T) {
	half := in(30 * time.Minute)
	b := newBudget("core")
	b.learn(Report{"core", 6000, 6000, 0, half}, noon())
	for _, tt := range []struct {
		now   time.Time
		spent bool
		want  string
	}{
		{noon(), true, "0 of 6000 until 12:30:00"},
		{half.Add(-time.Second), true, "0 of 6000 until 12:30:00"},
		{half, false, "6000 of 6000 until 13:30:00"},
		{half.Add(24 * time.Hour), false, "6000 of 6000 until 13:30:00"},
	} {
		if b.spentAt(tt.now) != tt.spent || b.refusedAt(tt.now) != tt.spent || state(b, tt.now) != tt.want {
			t.Errorf("at %s: spent %v, %s; want %v, %s", tt.now.Format("15:04:05"), b.spentAt(tt.now), state(b, tt.now), tt.spent, tt.want)
		}
	}
	b.learn(Report{"core", 6000, 3, 5997, half.Add(time.Hour)}, half)
	b.learn(Report{"core", 6000, 6000, 0, half}, half) // still on its way at the reset
	if got, want := state(b, half), "5997 of 6000 until 13:30:00"; got != want {
		t.Errorf("after the reset: %s, want %s", got, want)
	}
}

// The tighter of two windows is forgotten at its own reset and not at the other's.
func TestTwoWindowsEndEachAtItsTime(t *testing.T) {
	b := newBudget("core")
	b.learn(core(5000, in(10*time.Minute)), noon())
	b.learn(core(7, in(50*time.Minute)), noon())
	if !b.spentAt(in(9 * time.Minute)) {
		t.Error("not spent although one of two windows is")
	}
	now := in(10 * time.Minute)
	if b.spentAt(now) {
		t.Error("spent after the reset")
	}
	b.learn(core(8, in(50*time.Minute)), now)
	if got, want := state(b, now), "4992 of 5000 until 12:50:00"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A point in flight counts, before anything is heard, in a window and past the reset.
func TestReservationsCount(t *testing.T) {
	for _, tt := range []struct {
		name  string
		told  []Report
		now   time.Time
		left  int
		limit int
	}{
		{"unheard of", nil, noon(), 10, 10},
		{"in a window", []Report{{"code_search", 10, 7, 3, in(time.Minute)}}, noon(), 3, 10},
		{"past the reset", []Report{{"code_search", 9, 9, 0, in(time.Minute)}}, in(2 * time.Minute), 9, 9},
	} {
		b := newBudget("code_search")
		for _, r := range tt.told {
			b.learn(r, noon())
		}
		for i := range tt.left {
			if b.spentAt(tt.now) {
				t.Fatalf("%s: spent after %d leases", tt.name, i)
			}
			b.reserve()
		}
		if s := b.standing(tt.now); !b.spentAt(tt.now) || s.Remaining != 0 || s.Used != tt.limit {
			t.Errorf("%s: %d more leased and not spent: %+v", tt.name, tt.left, s)
		}
		b.free()
		if b.spentAt(tt.now) {
			t.Errorf("%s: a point that comes back is not there", tt.name)
		}
	}
}

// An Enterprise Server without limits answers and tells none: nothing is ever spent,
// until it tells otherwise.
func TestNoLimits(t *testing.T) {
	b := newBudget("code_search")
	b.untold()
	for range 100 {
		b.reserve()
	}
	if s := b.standing(noon()); b.spentAt(noon()) || s.Remaining != s.Limit {
		t.Errorf("spent without a limit: %+v", s)
	}
	b.learn(Report{"code_search", 10, 0, 10, in(time.Minute)}, noon())
	if !b.spentAt(noon()) {
		t.Error("a limit that was told is not kept")
	}
	b.untold() // an error page has no headers either
	if !b.spentAt(noon()) {
		t.Error("a limit is forgotten for one answer that did not tell it")
	}
}

func TestPace(t *testing.T) {
	for _, tt := range []struct {
		name string
		told []Report
		want string
	}{
		{"unheard of", nil, "1.3889"},
		{"half an hour for 900", []Report{core(4100, in(30*time.Minute))}, "0.5000"},
		{"the last moment does not divide by nothing", []Report{core(0, in(time.Millisecond))}, "5000.0000"},
		{"overdrawn", []Report{{"core", 5000, 5050, 0, in(time.Minute)}}, "0.0000"},
	} {
		b := newBudget("core")
		for _, r := range tt.told {
			b.learn(r, noon())
		}
		if got := fmt.Sprintf("%.4f", b.paceAt(noon().UnixNano())); got != tt.want {
			t.Errorf("%s: %s points a second, want %s", tt.name, got, tt.want)
		}
	}
}

func TestReportFrom(t *testing.T) {
	good := map[string]string{"Limit": "5000", "Remaining": "4999", "Used": "1", "Reset": "1795435200", "Resource": "core"}
	for _, tt := range []struct {
		name   string
		change map[string]string // "-" takes the header away
		want   string
	}{
		{"as GitHub sends it", nil, "core 5000 1 4999 1795435200"},
		{"spaces", map[string]string{"Limit": " 5000 "}, "core 5000 1 4999 1795435200"},
		{"without used", map[string]string{"Used": "-"}, "core 5000 1 4999 1795435200"},
		{"used is junk", map[string]string{"Used": "x"}, "core 5000 1 4999 1795435200"},
		{"without used, more left than there is", map[string]string{"Used": "-", "Remaining": "6000"}, "core 5000 0 6000 1795435200"},
		{"without resource", map[string]string{"Resource": "-"}, " 5000 1 4999 1795435200"},
		{"a resource that is no name", map[string]string{"Resource": `core"} 1`}, " 5000 1 4999 1795435200"},
		{"milliseconds", map[string]string{"Reset": "1507651200000"}, "core 5000 1 4999 1507651200000"},
		{"without limit", map[string]string{"Limit": "-"}, "none"},
		{"without remaining", map[string]string{"Remaining": "-"}, "none"},
		{"without reset", map[string]string{"Reset": "-"}, "none"},
		{"negative", map[string]string{"Remaining": "-1"}, "none"},
		{"a fraction", map[string]string{"Limit": "5000.5"}, "none"},
		{"hexadecimal", map[string]string{"Limit": "0x10"}, "none"},
		{"out of range", map[string]string{"Limit": "9999999999999999999999"}, "none"},
		{"too large to add up", map[string]string{"Limit": "9223372036854775807"}, "none"},
		{"a reset out of range", map[string]string{"Reset": "9223372036854775807"}, "none"},
	} {
		h := http.Header{}
		for name, value := range good {
			if v, changed := tt.change[name]; changed {
				value = v
			}
			if value != "-" {
				h.Set("X-RateLimit-"+name, value)
			}
		}
		r, ok := ReportFrom(h)
		got := fmt.Sprint(r.Resource, " ", r.Limit, " ", r.Used, " ", r.Remaining, " ", r.Reset.Unix())
		if !ok {
			got = "none"
		}
		if got != tt.want || !ok && r != (Report{}) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	if r, ok := ReportFrom(nil); ok {
		t.Errorf("no headers: %+v", r)
	}
}

// Whatever the headers say, numbers stay coherent, and nobody is locked out for longer
// than the farthest reset.
func FuzzReportFrom(f *testing.F) {
	for _, seed := range [][5]string{
		{"5000", "4999", "1", "1795435200", "core"}, {"60", "0", "60", "1507651200000", "core"}, {"", "", "", "", ""},
		{"-1", "-1", "-1", "-1", "-"}, {"1073741823", "1073741823", "1073741823", "281474976710655", "x"}, {"0", "0", "0", "1795438800", "\xff"},
		{"30", "31", "99", "1795438800", "search"}, {" 1", "+1", "0x1", "1e3", "a b"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	f.Fuzz(func(t *testing.T, limit, remaining, used, reset, resource string) {
		r, ok := ReportFrom(http.Header{
			"X-Ratelimit-Limit": {limit}, "X-Ratelimit-Remaining": {remaining}, "X-Ratelimit-Used": {used},
			"X-Ratelimit-Reset": {reset}, "X-Ratelimit-Resource": {resource},
		})
		if !ok {
			return
		}
		if r.Limit < 0 || r.Remaining < 0 || r.Used < 0 || r.Reset.Unix() < 0 {
			t.Fatalf("%+v", r)
		}
		now := time.Unix(1795435200, 0)
		b := newBudget("core")
		for _, told := range []Report{core(10, now.Add(time.Minute)), r, r, core(11, now.Add(time.Minute))} {
			b.learn(told, now)
			b.reserve()
			s := b.standing(now)
			if s.Remaining < 0 || s.Used < 0 || s.Limit <= 0 || s.Used+s.Remaining != s.Limit || s.Reset.Before(now) || s.Reset.Sub(now) > farthest {
				t.Fatalf("%+v leaves %+v", r, s)
			}
			b.free()
		}
		if b.spentAt(now.Add(farthest)) {
			t.Errorf("%+v locks a credential out", r)
		}
	})
}
