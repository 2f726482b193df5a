package docs

// claims says of sections what must have come of them.
func claims() map[string]shown {
	const tag, team = `^v1\.0$`, `^GET api\.github\.com/repos/acme/web/releases/latest 200 octo-bot 1$`
	return map[string]shown{
		"Quick start":      {[]string{`"login": ?"octo-bot"`}, []string{`^GET api\.github\.com/user 200 octo-bot 1$`}},
		"Developer laptop": {[]string{`^The menu loads twice$`, `^Cloning into 'web'`, `^octopool_points_spent_total\{`}, []string{`^GET api\.github\.com/repos/acme/web/issues`, `^POST github\.com/acme/web/git-upload-pack 200`}},
		"Run it for a team": {[]string{
			`^/etc/octopool/octopool\.toml: ok$`, `client +ci, pool default: read /repos/acme/\*\*, git:read acme/\*, graphql:query$`}, nil},
		"GitHub Actions: self-hosted runners":              {[]string{tag, `^checked out acme/web$`}, []string{team, `^POST github\.com/acme/web/git-upload-pack 200 octo-bot`}},
		"GitHub Actions: hosted runners, through a tunnel": {[]string{tag}, []string{team}},
		"GitLab CI":          {[]string{tag}, []string{team, `^POST github\.com/acme/api/git-upload-pack 200 octo-bot`}},
		"Jenkins":            {[]string{tag}, []string{team, `^POST github\.com/acme/api/git-upload-pack 200 octo-bot`}},
		"Kubernetes runners": {[]string{`^acme/web$`}, []string{`^GET api\.github\.com/repos/acme/web 200 octo-bot 1$`}},
		"Agents in sandboxes": {[]string{`^acme/web$`, `octopool: client agent may not GET /user`, `^not for an agent$`},
			[]string{`^GET api\.github\.com/repos/acme/web 200 octo-bot 1$`, `^POST github\.com/acme/web/git-upload-pack 200 octo-bot`}},
		"Any other CI":      {[]string{`^acme/web$`}, []string{`^GET api\.github\.com/repos/acme/web 200 octo-bot 1$`}},
		"GitHub Enterprise": {[]string{`The menu loads twice`, `^Cloning into 'web'`}, []string{`^POST ghe\.example/api/graphql 200 octo-bot`, `^POST ghe\.example/acme/web/git-upload-pack 200 `}},
		"Clients by OIDC: no secret in CI at all": {[]string{`^acme/web$`, `^acme/api$`},
			[]string{`^GET api\.github\.com/repos/acme/web 200 octo-bot 1$`, `^GET api\.github\.com/repos/acme/api 200 octo-bot 1$`}},
		"Minted tokens: a part of a client, for a while": {[]string{`^acme/web$`}, []string{`^GET api\.github\.com/repos/acme/web 200 octo-bot 1$`}},
		"High availability":                 {[]string{`: ok$`}, nil},
		"Without a proxy setting: base URL": {nil, []string{`^GET api\.github\.com/zen 200 octo-bot`}},
		"TLS on the proxy listener":         {[]string{`: ok$`}, nil},
		"Status":                            {[]string{`^CREDENTIAL +KIND +POOL +OWNER +STATE`, `^CLIENT +REQUESTS`}, nil},
		"Cache":                             {[]string{`^OUTCOME +REQUESTS`, `^Hit share:`}, nil},
		"Moving from prow's ghproxy":        {[]string{`"viewer"`, `"acme/web"`}, []string{`^GET api\.github\.com/repos/acme/web 200 octo-bot 1$`, `^POST api\.github\.com/graphql 200 octo-bot`}},
	}
}
