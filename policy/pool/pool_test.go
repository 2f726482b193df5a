package pool

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"octopool/policy"
)

func TestNewRefuses(t *testing.T) {
	token := policy.NewSecret("ghp_hunter2")
	for _, tt := range []struct {
		credentials []Credential
		want        string
	}{
		{[]Credential{{Name: "a"}}, "credential a: no token"},
		{[]Credential{{Name: "a", Token: policy.NewSecret("")}}, "credential a: no token"},
		{[]Credential{{Name: "a", Token: token}, {Name: "a", Pool: "other", Token: token}}, "credential a: named twice"},
		{[]Credential{{Token: token}}, `credential "": this is no name`},
		{[]Credential{{Name: `a"} 1`, Token: token}}, `credential "a\"} 1": this is no name`},
	} {
		if p, err := New(Config{Credentials: tt.credentials}); p != nil || err == nil || err.Error() != tt.want {
			t.Errorf("New: %v, want %s", err, tt.want)
		}
	}
}

// Of one user there is one budget, however many credentials have its token. On two
// GitHubs the same text is two tokens.
func TestOneTokenIsOnePrincipal(t *testing.T) {
	same := policy.NewSecret("ghp_same")
	w := newWorld(t,
		Credential{Name: "a", Token: same}, Credential{Name: "b", Token: same}, Credential{Name: "c", Pool: "big", Token: same},
		Credential{Name: "d", GitHub: "ghe.example", Token: same}, Credential{Name: "e", Pool: "third"})
	w.lease().Settle(200, headers(core(4998, in(time.Hour))), nil)
	if got, want := w.budget("core"), "4998+2=5000 until 13:00:00"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	w.lease(func(w *Want) { w.Pool = "big" })
	w.lease()
	for pool, want := range map[string]string{"default": "no core budget", "big": "no core budget", "third": "e"} {
		if got := w.who(func(w *Want) { w.Pool = pool }); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", pool, got, want)
		}
	}
	if b := w.Budget("ghe.example", "default", "core"); b.Remaining != 5000 {
		t.Errorf("another GitHub: %+v", b)
	}
}

// Nothing that a caller can print shows a token.
func TestNothingPrintsAToken(t *testing.T) {
	w := newWorld(t, Credential{Name: "a", Token: policy.NewSecret("ghp_hunter2")})
	w.lease().Settle(401, bare(), []byte(badCredentials))
	_, err := w.Lease(w.want())
	text := fmt.Sprintf("%v %+v %#v %v", w.Standings(), Credential{Token: policy.NewSecret("ghp_hunter2")}, err, err)
	if strings.Contains(text, "hunter2") {
		t.Error(text)
	}
}
