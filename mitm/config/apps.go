package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"octopool/policy"
	"octopool/policy/pool"
	"octopool/policy/pool/installation"
)

// isApp reports whether anything says that a credential is a GitHub App.
func (c Credential) isApp() bool {
	return c.AppID != nil || c.ClientID != "" || c.PrivateKey != "" || c.InstallationID != nil
}

// app is the GitHub App of a credential that stands at a place of the file, or in the
// environment, and is called so in messages.
func (s *settler) app(at, is string, c Credential) pool.App {
	var out pool.App
	switch {
	case c.AppID != nil && c.ClientID != "":
		s.wrong(in(at, "client_id"), "%s: app_id and client_id are two ways to say one thing; keep one", is)
	case c.AppID != nil && *c.AppID < 1:
		s.wrong(in(at, "app_id"), "%s: an app_id is a number above 0", is)
	case c.AppID != nil:
		out.Issuer = strconv.FormatInt(*c.AppID, 10)
	case c.ClientID != "" && (!policy.IsName(c.ClientID) || policy.LooksLikeToken(c.ClientID)):
		s.wrong(in(at, "client_id"), "%s: this is not the client id of an App, such as \"Iv23liAbCdEf\"", is)
	case c.ClientID != "":
		out.Issuer = c.ClientID
	case at == "":
		s.wrong("", "%s_ID is not set; an App needs it beside %s_PEM", is, is)
	default:
		s.wrong(at, "%s has no app_id or client_id, which an App needs beside its private_key", is)
	}
	switch {
	case c.InstallationID == nil:
	case *c.InstallationID < 1 && at == "":
		s.wrong("", "%s_INSTALLATION_ID is not a number above 0; without it all installations of the App are used", is)
	case *c.InstallationID < 1:
		s.wrong(in(at, "installation_id"), "%s: an installation_id is a number above 0; without one all installations of the App are used", is)
	default:
		out.Installation = *c.InstallationID
	}
	switch {
	case c.PrivateKey != "":
		out.Key = s.privateKey(at, is, c.PrivateKey)
	case at == "":
		s.wrong("", "%s_PEM is not set; an App needs it beside %s_ID", is, is)
	default:
		s.wrong(at, "%s has no private_key, which an App signs with", is)
	}
	return out
}

// privateKey resolves a reference to the PEM of an App's key. What the environment gives
// for a key may be the name of its file, with file: before it or with a slash.
func (s *settler) privateKey(at, is, reference string) policy.Secret {
	key := in(at, "private_key")
	if at == "" {
		is += "_PEM"
		switch value := strings.TrimSpace(s.getenv(is)); {
		case strings.HasPrefix(value, "/"):
			reference = "file:" + value
		case strings.HasPrefix(value, "file:"):
			reference = value
		}
	}
	text, ok := s.resolve(key, reference)
	if !ok {
		return policy.Secret{}
	}
	secret := policy.NewSecret(unfolded(text))
	if err := installation.CheckKey(secret); err != nil {
		s.wrong(key, "%s: %v", is, err)
		return policy.Secret{}
	}
	return secret
}

// unfolded is a PEM with its lines. Who puts one into a variable that can hold only a
// single line writes \n where they end; a PEM has no other backslashes.
func unfolded(text string) string {
	return strings.NewReplacer(`\r\n`, "\n", `\n`, "\n").Replace(text)
}

// appsInEnvironment are the Apps that the environment names in a set of variables each:
// GITHUB_APP_NAME_ID, _INSTALLATION_ID and _PEM. Incomplete sets are among them, to be told
// of. A set whose key the file refers to is the file's.
func (s *settler) appsInEnvironment(f File) []found {
	names := map[string]bool{}
	for _, entry := range s.environ {
		variable, value, _ := strings.Cut(entry, "=")
		rest, ok := strings.CutPrefix(variable, "GITHUB_APP_")
		if !ok || value == "" {
			continue
		}
		for _, suffix := range []string{"_INSTALLATION_ID", "_ID", "_PEM"} {
			if name, ok := strings.CutSuffix(rest, suffix); ok && name != "" {
				names[name] = true
				break
			}
		}
	}
	var out []found
	for _, name := range slices.Sorted(maps.Keys(names)) {
		set := "GITHUB_APP_" + name
		pem := "env:" + set + "_PEM"
		if slices.ContainsFunc(f.Credential, func(c Credential) bool { return c.PrivateKey == pem }) {
			continue
		}
		c := Credential{Name: strings.ToLower(name), PrivateKey: pem}
		if s.getenv(set+"_PEM") == "" {
			// These two are other programs' way to name the one App they know of.
			if name == "INSTALLATION" || name == "CLIENT" {
				continue
			}
			c.PrivateKey = ""
		}
		id := strings.TrimSpace(s.getenv(set + "_ID"))
		if number, err := strconv.ParseInt(id, 10, 64); err == nil {
			c.AppID = &number
		} else {
			c.ClientID = id
		}
		if text := strings.TrimSpace(s.getenv(set + "_INSTALLATION_ID")); text != "" {
			number, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				number = 0 // which no installation has
			}
			c.InstallationID = &number
		}
		out = append(out, found{set, c})
	}
	return out
}
