package policy

// AuthorizeLookup grants c one GET of /repositories/ID, /organizations/ID or /user/ID,
// which tells the name behind the number n, with a credential of c's pool. It is asked
// of the API that the request in doubt came to: on an Enterprise Server, whose prefix
// was given, that is /api/v3. There is none at a host for uploads, so what is asked there by
// number is refused. GitHub's own upload URLs have names.
//
// The grant opens nothing by itself: the name is what c's scopes are then matched on,
// and the answer must not go to the client. Whatever n says, no other collection, nothing
// below the number, no write and no endpoint that makes or shows credentials is granted.
// Nobody but a registered client has scopes, so nobody else is granted any of it.
func (p *Policy) AuthorizeLookup(c Caller, o Origin, prefix string, n *Unresolved) (Grant, error) {
	refuse := func(reason string) (Grant, error) {
		return Grant{}, &OutOfScope{c.name, "GET", prefix + n.Path(), reason}
	}
	if c.client == nil {
		return refuse("who has no scopes has no names to look up")
	}
	switch n.Collection {
	case "repositories", "organizations", "user":
	default:
		return refuse("no name is behind it")
	}
	if n.ID == "" || !only(n.ID, isDigit) {
		return refuse("this is no number")
	}
	switch {
	case o.Role == RoleAPI && prefix == "":
	case o.Role == RoleEnterprise && (prefix == "/api/v3" || prefix == "/api/uploads"):
		prefix = "/api/v3"
	default:
		return refuse("the name behind a number cannot be asked for at " + o.Host)
	}
	path, err := ParsePath(n.Path())
	if err != nil {
		return refuse("this is no path")
	}
	return Grant{caller: c, request: Request{Origin: o, Method: "GET", Kind: KindREST, Prefix: prefix, Path: path}}, nil
}
