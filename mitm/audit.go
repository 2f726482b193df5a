package mitm

import (
	"errors"
	"net/http"
	"time"

	"octopool/mitm/audit"
	"octopool/policy"
)

// audit writes down a request that may have changed something at GitHub, one that was
// refused, and one that would have been.
func (p *Proxy) audit(w *record, r *http.Request, err error) {
	if p.Audit == nil {
		return
	}
	e := w.entry(r, err)
	if event, ok := w.event(r, err); ok {
		e.Event = event
		p.Audit.Add(e)
	}
	if w.spared != nil {
		e.Event, e.Reason, e.Message = audit.WouldRefuse, refusalFor(w.spared, w.start).reason, w.spared.Error()
		p.Audit.Add(e)
	}
}

// entry is what there is to say of a request, whatever it is called.
func (w *record) entry(r *http.Request, err error) audit.Entry {
	e := audit.Entry{
		Time: time.Now().UTC(), Client: w.client,
		Method: r.Method, Host: w.asked.Origin.Host, Path: r.URL.Path, // never the query: it can hold secrets
		Status: w.status, Outcome: w.outcome(), Reason: w.refusal,
	}
	if d := w.asked.Document; d != nil {
		e.Operation, e.Mutations = d.Operation, d.Mutations
	}
	if a := w.answer; a != nil {
		e.Credential, e.RequestID = a.Credential, a.Header.Get("X-Github-Request-Id")
	}
	if len(w.about) > 0 {
		e.About = make(map[string]string, len(w.about))
	}
	for _, fact := range w.about {
		e.About[fact.Name] = fact.Value
	}
	if err != nil {
		e.Message = err.Error()
	}
	return e
}

// event is what the audit file calls a request, if it has a place there. A write that was
// answered is one, and so is one whose client has left: GitHub may have done it.
func (w *record) event(r *http.Request, err error) (audit.Event, bool) {
	switch {
	case w.answer == nil && w.asked.Kind == policy.KindGit && errors.Is(err, policy.ErrNoToken):
		return "", false // git always asks without its token first
	case w.answer == nil && w.refusal != left:
		return audit.Refusal, true
	case w.asked.Kind == policy.KindGit && r.Method == http.MethodGet:
		return "", false // a push begins with a question
	}
	return audit.Write, w.asked.Write
}
