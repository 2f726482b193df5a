package mitm

import "net/http"

// Handler is what comes in at the proxy listener, for tests without one.
func (p *Proxy) Handler() http.Handler { return p.outer.Handler }
