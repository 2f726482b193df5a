package githubtest

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// page cuts a list as per_page (30, at most 100) and page say, and answers with
// a Link to its neighbours. base is the URL the links have: numeric, whatever
// name was asked for (observed).
func page[T any](c *call, all []T, base string, wrap func([]T) any) *answer {
	query := c.r.URL.Query()
	size := number(query.Get("per_page"), 30)
	size = min(size, 100)
	at := number(query.Get("page"), 1)
	from := min((at-1)*size, len(all))
	to := min(from+size, len(all))
	a := ok(wrap(all[from:to]))
	if last := (len(all) + size - 1) / size; last > 1 {
		a.header.Set("Link", links(base, c.r.URL.RawQuery, at, last))
	}
	return a
}

// number reads a positive number, or says what goes without one.
func number(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1<<30 {
		return otherwise
	}
	return n
}

// links is a Link header in GitHub's order: prev, next, last, first.
func links(base, rawQuery string, at, last int) string {
	var parts []string
	add := func(page int, rel string) {
		parts = append(parts, fmt.Sprintf(`<%s?%s>; rel="%s"`, base, withPage(rawQuery, page), rel))
	}
	if at > 1 {
		add(min(at-1, last), "prev")
	}
	if at < last {
		add(at+1, "next")
		add(last, "last")
	}
	if at > 1 {
		add(1, "first")
	}
	return strings.Join(parts, ", ")
}

// withPage sets page in a query and leaves the rest as it was sent.
func withPage(rawQuery string, page int) string {
	var kept []string
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); pair != "" && (err != nil || plain != "page") {
			kept = append(kept, pair)
		}
	}
	return strings.Join(append(kept, "page="+strconv.Itoa(page)), "&")
}

// listOf shows each item of a page.
func listOf[T any](view func(T) object) func([]T) any {
	return func(items []T) any {
		views := []object{}
		for _, item := range items {
			views = append(views, view(item))
		}
		return views
	}
}
