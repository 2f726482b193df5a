package daemon

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"time"

	"octopool/mitm/admin"
	"octopool/mitm/config"
	"octopool/mitm/mint"
	"octopool/policy"
	"octopool/policy/minted"
)

// openMint opens the mint of an octopool. Its key is made on first use, unless there are
// others.
func openMint(s config.Settings) (*mint.Mint, error) {
	settings, err := mintSettings(s)
	if err != nil {
		return nil, err
	}
	return mint.New(settings, filepath.Join(s.DataDir, "mint-revoked"))
}

func mintSettings(s config.Settings) (mint.Settings, error) {
	out := s.Mint
	if len(out.Keys) > 0 || out.Off {
		return out, nil
	}
	key, err := mint.OpenKey(filepath.Join(s.DataDir, "mint-key"))
	out.Keys = []minted.Key{key}
	return out, err
}

// Mint has the octopool that runs with these settings make a token.
func Mint(ctx context.Context, p config.AdminPlace, o mint.Order) (made mint.Token, err error) {
	if p.Token.IsZero() {
		return made, config.Problem{Key: "admin.token", Message: "not set: who may mint for any client has to show it; a client mints for itself at /-/mint"}
	}
	err = askAdmin(p, func(url string) error {
		made, err = admin.AskMint(ctx, url, p.Token, o)
		return err
	})
	return made, err
}

// Narrow makes a lesser token of a minted one: of this text or, if that is empty, of the
// one to read here. It returns the time that it was ordered to end at, which is not before
// the one it is made of ends.
func Narrow(token string, in io.Reader, o mint.Order) (made minted.Made, until time.Time, err error) {
	if token == "" {
		text, err := io.ReadAll(io.LimitReader(in, 64<<10))
		if err != nil {
			return made, until, err
		}
		token = string(text)
	}
	by, err := mint.NarrowingOf(o, mint.Longest, time.Now())
	if err != nil {
		return made, until, err
	}
	if made, err = minted.Narrow(policy.NewSecret(strings.TrimSpace(token)), by); err != nil {
		return made, until, err
	}
	return made, by.Until, nil
}

// Revoke has the octopool that runs with these settings end a minted token.
func Revoke(ctx context.Context, p config.AdminPlace, id string) error {
	return askAdmin(p, func(url string) error { return admin.AskRevoke(ctx, url, p.Token, id) })
}
