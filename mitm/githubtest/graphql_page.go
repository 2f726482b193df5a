package githubtest

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// connection pages through things by cursor.
func connection(kind string, all []thing, args arguments) thing {
	from, to := 0, len(all)
	if at, found := cursorAt(args.text("after")); found {
		from = min(at, to)
	}
	if at, found := cursorAt(args.text("before")); found {
		to = max(min(at-1, to), from)
	}
	if first := args.number("first"); first > 0 {
		to = min(to, from+first)
	}
	if last := args.number("last"); last > 0 {
		from = max(from, to-last)
	}
	shown := all[from:to]
	edges := []thing{}
	for i, node := range shown {
		edges = append(edges, thing{kind + "Edge", fields{"cursor": is(cursor(from + i + 1)), "node": is(node)}})
	}
	var start, end any
	if len(shown) > 0 {
		start, end = cursor(from+1), cursor(to)
	}
	return thing{kind + "Connection", fields{
		"nodes": is(shown), "edges": is(edges), "totalCount": is(len(all)),
		"pageInfo": is(thing{"PageInfo", fields{
			"hasNextPage": is(to < len(all)), "hasPreviousPage": is(from > 0), "startCursor": is(start), "endCursor": is(end),
		}}),
	}}
}

// listed is a connection field over things made when asked.
func listed(kind string, all func(arguments) []thing) func(arguments) any {
	return func(args arguments) any { return connection(kind, all(args), args) }
}

// none is an empty connection.
func none(kind string) func(arguments) any {
	return listed(kind, func(arguments) []thing { return nil })
}

func cursor(at int) string {
	return base64.StdEncoding.EncodeToString([]byte("cursor:v2:" + itoa(at)))
}

func cursorAt(text string) (int, bool) {
	plain, err := base64.StdEncoding.DecodeString(text)
	digits, is := strings.CutPrefix(string(plain), "cursor:v2:")
	at, malformed := strconv.Atoi(digits)
	return at, err == nil && is && malformed == nil && at >= 0
}
