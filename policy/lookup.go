package policy

// AuthorizeLookup grants c the one read that tells the name behind a number, at the
// origin and prefix that the request came to. It opens nothing by itself: the name is
// then what c's scopes are matched on, and the answer does not go to the client.
func (p *Policy) AuthorizeLookup(c Caller, o Origin, prefix string, n *Unresolved) (Grant, error) {
	r := Request{Origin: o, Method: "GET", Kind: KindREST, Prefix: prefix}
	path, err := ParsePath(n.Path())
	if err != nil || c.client == nil {
		return Grant{}, &OutOfScope{c.name, r.Method, n.Path(), "it cannot be looked up"}
	}
	r.Path = path
	return Grant{c, r}, nil
}
