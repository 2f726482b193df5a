package githubtest

// deprecatedTeam plays GET /teams/ID, which GitHub keeps for those who have not moved on:
// its answers say since when it is deprecated, when it ends, and in Link what takes its
// place, beside whatever else a Link says (observed).
func (c *call) deprecatedTeam(rest []string) *answer {
	if len(rest) != 1 || c.method != "GET" || number(rest[0], 0) == 0 {
		return notFound()
	}
	a := ok(object{{"id", number(rest[0], 0)}, {"slug", "core"}, {"name", "Core"}, {"url", apiURL + "/organizations/1/team/" + rest[0]}})
	set(a.header, "Deprecation", "Sat, 01 Feb 2020 00:00:00 GMT")
	set(a.header, "Sunset", "Mon, 01 Feb 2027 00:00:00 GMT")
	set(a.header, "Link", `<https://developer.github.com/changes/2020-01-21-moving-the-team-api-endpoints/>; rel="deprecation"; type="text/html", <`+
		apiURL+`/organizations/1/team/`+rest[0]+`>; rel="alternate"`)
	return a
}
