package pool

import (
	"net/http"
	"testing"
	"time"
)

// Each GitHub counts for itself: whom a number stands for on one says nothing of another.
func TestNumbersOfTwoGitHubs(t *testing.T) {
	app := func(name, github, owner string) Credential {
		return Credential{Name: name, GitHub: github, Pool: "default", Owners: []string{owner}}
	}
	a, b := app("a", "github.com", "acme"), app("b", "ghe.example", "globex")
	w := newWorld(t, a, b)
	w.remember(numbered{"github.com", "repositories/12"}, "acme")
	for _, tt := range []struct{ github, want string }{{"github.com", "a"}, {"ghe.example", "b"}} {
		got := w.who(func(want *Want) { want.GitHub, want.Number = tt.github, "repositories/12" })
		if got != tt.want {
			t.Errorf("repositories/12 of %s: %s, want %s", tt.github, got, tt.want)
		}
	}
}

// Where GitHub has told of no limit there is none, until it tells of one.
func TestUnlimited(t *testing.T) {
	w := newWorld(t, Credential{Name: "a", GitHub: "ghe.example"})
	on := func(want *Want) { want.GitHub = "ghe.example" }
	if w.Limited("ghe.example", "default") || w.Budget("ghe.example", "default", "core").Unlimited {
		t.Error("something is known before anything was said")
	}
	w.lease(on).Settle(http.StatusOK, http.Header{}, nil)
	if b := w.Budget("ghe.example", "default", "core"); !b.Unlimited || w.Limited("ghe.example", "default") {
		t.Errorf("after an answer that told of none: %+v", b)
	}
	w.lease(on).Settle(http.StatusOK, headers(Report{"core", 60, 1, 59, in(time.Hour)}), nil)
	if b := w.Budget("ghe.example", "default", "core"); b.Unlimited || b.Remaining != 59 || !w.Limited("ghe.example", "default") {
		t.Errorf("once a limit was told: %+v", b)
	}
}
