package mitm

import (
	"errors"
	"net/http"
	"time"

	"octopool/mitm/audit"
	"octopool/policy"
)

// audit writes down a request that may have changed something at GitHub, and one that was
// refused.
func (p *Proxy) audit(w *record, r *http.Request, err error) {
	event, ok := w.event(r, err)
	if p.Audit == nil || !ok {
		return
	}
	e := audit.Entry{
		Time: time.Now().UTC(), Event: event, Client: w.client,
		Method: r.Method, Host: w.asked.Origin.Host, Path: r.URL.Path, // never the query: it can hold secrets
		Status: w.status, Reason: w.refusal,
	}
	if d := w.asked.Document; d != nil {
		e.Operation, e.Mutations = d.Operation, d.Mutations
	}
	if a := w.answer; a != nil {
		e.Credential, e.RequestID = a.Credential, a.Header.Get("X-Github-Request-Id")
	}
	if err != nil {
		e.Message = err.Error()
	}
	p.Audit.Add(e)
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
