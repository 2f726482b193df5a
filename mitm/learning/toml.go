package learning

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteTOML writes the scopes that a client needs as its registration has them, with what
// is to be known of each.
func (u Usage) WriteTOML(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# What client %s did from %s to %s.\n", u.Client, u.Since.Format("2006-01-02 15:04"), u.Now.Format("2006-01-02 15:04 MST"))
	if u.Forgotten > 0 {
		fmt.Fprintf(&b, "# More kinds of requests than octopool remembers: %s may need more scopes than these.\n", requests(u.Forgotten))
	}
	scopes, beyond := Suggest(u)
	for _, c := range beyond {
		fmt.Fprintf(&b, "# No scope is about %s: %s.\n", c.Pattern, requests(c.Requests))
	}
	b.WriteString("scopes = [\n")
	for _, s := range scopes {
		fmt.Fprintf(&b, "  %s, # %s%s\n", strconv.Quote(s.Scope), requests(s.Requests), s.Opens.words())
	}
	b.WriteString("]\n")
	_, err := io.WriteString(to, b.String())
	return err
}

func requests(n uint64) string {
	if n == 1 {
		return "1 request"
	}
	return fmt.Sprintf("%d requests", n)
}

// words say what else is opened, after a semicolon.
func (o Opens) words() string {
	var all []string
	if o.Routes > 0 {
		text := fmt.Sprintf("%d more of GitHub's routes: %s", o.Routes, strings.Join(o.Examples, ", "))
		if o.Routes > len(o.Examples) {
			text += ", …"
		}
		all = append(all, text)
	}
	if o.Beyond != "" {
		all = append(all, o.Beyond)
	}
	if len(all) == 0 {
		return ""
	}
	return "; opens " + strings.Join(all, ", and ")
}
