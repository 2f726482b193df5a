package daemon

import (
	"context"
	"errors"
	"fmt"

	"octopool/mitm/admin"
	"octopool/mitm/config"
)

// Cache asks the octopool that runs with these settings for its cache, as [Status] does
// for its status.
func Cache(ctx context.Context, p config.AdminPlace) (c admin.Cache, text []byte, err error) {
	err = askAdmin(p, func(url string) error {
		c, text, err = admin.AskCache(ctx, url, p.Token)
		return err
	})
	return c, text, err
}

// PurgePattern is what a command line names: a pattern, or all. Its error is bad usage.
func PurgePattern(text string, all bool) (admin.Pattern, error) {
	switch {
	case all && text != "":
		return admin.Pattern{}, errors.New("name a pattern or --all, not both")
	case all:
		return admin.Pattern{}, nil
	case text == "":
		return admin.Pattern{}, errors.New("name a pattern, such as '/repos/acme/**', or --all")
	}
	return admin.ParsePattern(text)
}

// Purge has the octopool that runs with these settings forget what a pattern names, and
// returns how many answers that were.
func Purge(ctx context.Context, p config.AdminPlace, pattern admin.Pattern) (answers int, err error) {
	var purged admin.Purged
	err = askAdmin(p, func(url string) error {
		purged, err = admin.AskPurge(ctx, url, p.Token, pattern)
		return err
	})
	if err == nil && purged.Errors > 0 {
		err = fmt.Errorf("forgot %d answers, but the store failed meanwhile and may have kept some; octopool's log says why", purged.Purged)
	}
	return purged.Purged, err
}
