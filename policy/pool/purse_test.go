package pool

import (
	"errors"
	"testing"
	"time"

	"octopool/policy"
)

// TestPurses: the points of a token are counted for an hour, and reserved while a request is
// under way; and who narrows a token without end is refused, alone.
func TestPurses(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	rules, err := policy.New(policy.Rules{Clients: []policy.Registration{
		{Name: "ci", Token: policy.DigestOf("1")}, {Name: "ops", Token: policy.DigestOf("2")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	caller := func(client string, place byte) policy.Caller {
		stamp, _ := rules.StampOf(client)
		c, err := rules.IdentifyProof(&policy.Minted{
			Client: client, Stamp: stamp, Until: now.Add(24 * time.Hour), IDs: []string{"x"}, Check: func() error { return nil },
			Allowances: []policy.MintedAllowance{{Place: policy.Digest{place, place}, Points: 2}},
		}, now)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var p Purses
	take := func(c policy.Caller, at time.Time) *Taken {
		t.Helper()
		taken, err := p.Take(c, "core", at)
		if _, ok := errors.AsType[*Overspent](err); err != nil && !ok {
			t.Fatal(err)
		}
		return taken
	}
	a, b := take(caller("ci", 1), now), take(caller("ci", 1), now)
	if a == nil || b == nil || take(caller("ci", 1), now) != nil {
		t.Error("of two points, two and no more may be under way")
	}
	a.Settle(2)
	b.Settle(0)
	if take(caller("ci", 1), now.Add(59*time.Minute)) != nil {
		t.Error("two points are spent, and another is given")
	}
	if take(caller("ci", 1), now.Add(time.Hour)) == nil {
		t.Error("an hour later there is none")
	}
	for i := range mostPurses {
		p.tally("ci", policy.DigestOf(string(rune(i))), now.Add(time.Hour))
	}
	if take(caller("ci", 2), now.Add(time.Hour)) != nil {
		t.Error("more are counted than there is room for")
	}
	if take(caller("ops", 2), now.Add(time.Hour)) == nil {
		t.Error("another client is refused for that")
	}
	if take(caller("ci", 2), now.Add(2*time.Hour)) == nil {
		t.Error("those of an hour ago are not forgotten")
	}
}
