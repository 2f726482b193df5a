package mitm

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"octopool/mitm/exchange"
	"octopool/policy"
	"octopool/policy/pool"
)

// errForeignHost is the refusal of a request inside a tunnel that names another host
// than the tunnel's. The credential is the origin's, so nothing else may be asked with it.
var errForeignHost = errors.New("this tunnel is for another host")

// errUpgrade is the refusal of a WebSocket on an intercepted host: GitHub's API has none.
var errUpgrade = errors.New("this host is intercepted, and no WebSocket leads through that")

// upgrades reports whether a request asks for a WebSocket (RFC 6455). Any other upgrade is
// an offer that may be passed over, as Java's of h2c is (RFC 9110, section 7.8).
func upgrades(h http.Header) bool { return strings.EqualFold(h.Get("Upgrade"), "websocket") }

// An entry is how a request came in, and so what it is about and whose it may be.
type entry struct {
	origin   policy.Origin
	path     string        // at the origin, escaped
	about    []policy.Fact // of all that comes this way
	identify func(ctx context.Context, rules *policy.Policy, authorization []string) (policy.Caller, error)
	base     base
}

// serve answers one request inside an intercepted tunnel.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	endInTime(w.Header(), r)
	p.respond(w, r, p.throughTunnel)
}

// throughTunnel is the entry of a request inside an intercepted tunnel.
func (p *Proxy) throughTunnel(r *http.Request) (entry, error) {
	tunnel, ok := tunnelOf(r.Context())
	if !ok {
		return entry{}, errForeignHost
	}
	tunnel.known()
	e := entry{origin: tunnel.origin, path: r.URL.EscapedPath(), about: tunnel.about, identify: func(ctx context.Context, rules *policy.Policy, authorization []string) (policy.Caller, error) {
		return p.identify(ctx, rules, tunnel.named, authorization)
	}}
	if !isHost(r.Host, e.origin.Host) || r.URL.Host != "" && !isHost(r.URL.Host, e.origin.Host) {
		return e, errForeignHost
	}
	return e, nil
}

// left is why there is no answer when the client has: nobody is there to read a refusal.
const left = "left"

// respond answers one request, or refuses it, and notes what became of it.
func (p *Proxy) respond(w http.ResponseWriter, r *http.Request, enter func(*http.Request) (entry, error)) {
	// The body that a record reads is its own: net/http tells by the one that it gave whether
	// all of it was read, and takes what was not for the next request.
	r = r.WithContext(r.Context())
	defer p.presence.request(w)()
	rec := p.begin(w, r)
	err := p.answer(rec, r, enter)
	switch {
	case err == nil, rec.wrote():
	case r.Context().Err() != nil:
		rec.refusal = left
	default:
		p.refuse(rec, r, err)
	}
	p.end(rec, r, err)
	if errors.Is(err, errBroken) || !rec.wrote() {
		// The header is out, or the client has left. One that has only ended its
		// sending would take what net/http makes of silence for an empty answer.
		panic(http.ErrAbortHandler)
	}
}

// answer decides whether: may it come in here, who asks, for what, and may they. The
// exchange does the rest.
func (p *Proxy) answer(w *record, r *http.Request, enter func(*http.Request) (entry, error)) error {
	in, err := enter(r)
	w.asked.Origin, w.about = in.origin, in.about
	if err != nil {
		return err
	}
	if upgrades(r.Header) {
		return errUpgrade
	}
	asked, err := policy.Read(in.origin, r.Method, in.path, r.URL.RawQuery)
	if err != nil {
		return err
	}
	w.asked = asked
	rules := p.rules.Load().Policy
	caller, err := in.identify(r.Context(), rules, r.Header["Authorization"])
	if err != nil {
		return err
	}
	w.client, w.pool, w.about = caller.Client(), caller.Pool(), append(w.about, caller.About()...)
	if asked, err = p.readDocument(w, asked, r); err != nil {
		return err
	}
	w.asked, w.standIn = asked, caller.StandsIn()
	grant, err := p.authorize(r.Context(), rules, caller, asked)
	if err != nil {
		return w.orChallenge(err)
	}
	w.asked, w.spared = grant.Request(), grant.WouldRefuse()
	taken, err := p.purses.Take(caller, pool.ResourceOf(asked), time.Now())
	if err != nil {
		return err
	}
	a, err := p.exchange.Do(r.Context(), grant, r)
	if err != nil {
		taken.Settle(0)
		return w.orChallenge(err)
	}
	taken.Settle(a.Spent)
	defer a.Body.Close()
	if w.mayKnowMore(a.Status) {
		return policy.ErrNoToken
	}
	in.base.rewrite(a.Header)
	w.answer = a
	return w.send(a)
}

// authorize asks the policy for a grant. Where scopes are on names and the request is
// by number, it looks the name up first.
func (p *Proxy) authorize(ctx context.Context, rules *policy.Policy, caller policy.Caller, asked policy.Request) (policy.Grant, error) {
	grant, err := rules.Authorize(caller, asked)
	numeric, ok := errors.AsType[*policy.Unresolved](err)
	if !ok {
		return grant, err
	}
	owner, repo, err := p.resolve(ctx, rules, caller, asked, numeric)
	if err != nil {
		return policy.Grant{}, err
	}
	return rules.Authorize(caller, asked.Named(owner, repo))
}

// resolve asks GitHub for the name behind a number, as it is now: names change hands. The
// answer is stored and revalidated as any other, so an unchanged one costs nothing.
func (p *Proxy) resolve(ctx context.Context, rules *policy.Policy, caller policy.Caller, asked policy.Request, n *policy.Unresolved) (owner, repo string, err error) {
	grant, err := rules.AuthorizeLookup(caller, asked.Origin, asked.Prefix, n)
	if err != nil {
		return "", "", err
	}
	a, err := p.exchange.Do(ctx, grant, &http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: http.Header{}})
	if err != nil {
		return "", "", err
	}
	defer a.Body.Close()
	var named struct {
		Login string `json:"login"`
		Name  string `json:"name"`
		Owner struct {
			Login string `json:"login"`
		} `json:"owner"`
	}
	if a.Status != http.StatusOK || json.NewDecoder(io.LimitReader(a.Body, 1<<20)).Decode(&named) != nil {
		return "", "", &policy.OutOfScope{
			Client: caller.Client(), Method: asked.Method, Path: asked.Path.String(),
			Reason: "GitHub does not say what " + n.Collection + "/" + n.ID + " is",
		}
	}
	if n.Collection == "repositories" {
		return named.Owner.Login, named.Name, nil
	}
	return named.Login, "", nil
}

// errBroken is an answer that ended early after its header was sent.
var errBroken = errors.New("the answer broke off")

// send writes an answer to the client.
func (w *record) send(a *exchange.Answer) error {
	h := w.Header()
	for name, values := range a.Header {
		h[name] = values
	}
	if h.Get("Content-Type") == "" {
		h["Content-Type"] = nil // or net/http guesses one, where GitHub sent none
	}
	w.WriteHeader(a.Status)
	if err := w.copy(a); err != nil {
		return errors.Join(errBroken, err)
	}
	return nil
}

// A buffer is for a piece of a body on its way through.
type buffer [64 << 10]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// copy passes the body on. What comes in pieces, as git's progress and a slow download
// do, goes out in the same pieces; what is at hand goes out as it lies there.
func (w *record) copy(a *exchange.Answer) error {
	buffer := buffers.Get().(*buffer)
	defer buffers.Put(buffer)
	if a.AtHand() {
		_, err := io.CopyBuffer(w, a.Body, buffer[:])
		return err
	}
	for {
		n, err := a.Body.Read(buffer[:])
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
			if err == nil {
				w.control.Flush()
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
