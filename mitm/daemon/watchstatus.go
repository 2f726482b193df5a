package daemon

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"octopool/mitm/config"
)

// watchEvery is how often a status is shown again.
const watchEvery = 2 * time.Second

// WatchStatus shows the status of the octopool that runs with these settings again and
// again until ctx is done: on a terminal in one place and no wider than that, else one
// below the other. An octopool that cannot be asked at first is an error; one that is gone
// later may come back.
func WatchStatus(ctx context.Context, p config.AdminPlace, to *os.File) error {
	for first := true; ; first = false {
		var text strings.Builder
		status, _, err := Status(ctx, p)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && first:
			return err
		case err != nil:
			fmt.Fprintln(&text, err)
		default:
			if err := status.WriteTable(&text); err != nil {
				return err
			}
		}
		if err := redraw(to, text.String()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

func redraw(to *os.File, text string) error {
	width, _, err := term.GetSize(int(to.Fd()))
	if err != nil { // no terminal
		_, err = io.WriteString(to, text+"\n")
		return err
	}
	const clear = "\x1b[H\x1b[2J"
	_, err = io.WriteString(to, clear+narrowed(text, width))
	return err
}

// narrowed is text with its lines cut to width characters.
func narrowed(text string, width int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if runes := []rune(strings.TrimSuffix(line, "\n")); width > 0 && len(runes) > width {
			line = string(runes[:width-1]) + "…\n"
		}
		out.WriteString(line)
	}
	return out.String()
}
