package mitm

import (
	"net/http"
	"time"

	"octopool/mitm/exchange"
	"octopool/policy"
)

// readDocument reads what of a body has to be read before it can be decided on: a GraphQL
// document, an LFS batch. It is held in memory, so only so many are read at the same time,
// and none takes for ever.
func (p *Proxy) readDocument(w *record, asked policy.Request, r *http.Request) (policy.Request, error) {
	if w.body != nil && (asked.Kind == policy.KindGraphQL || asked.IsBatch()) {
		most := p.rules.Load().Limits.Documents
		if full, fullOfOne := p.documents.enter(w.client, most, (most+1)/2); full || fullOfOne {
			w.limited(limitDocuments)
			return asked, &overLimit{limitDocuments}
		}
		defer p.documents.leave(w.client)
		w.body.within = limitDocumentTime
		w.body.endBy(time.Now().Add(documentTime))
		defer w.body.nextSoon()
	}
	asked, err := exchange.ReadDocument(asked, r)
	if err != nil {
		return asked, err
	}
	return readBatch(asked, r)
}
