package mitm

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"octopool/mitm/exchange"
	"octopool/policy"
)

// A record is one request inside a tunnel: the way to its client, and what is to be
// said of it when it is over.
type record struct {
	http.ResponseWriter
	control *http.ResponseController
	patient time.Time // the client has until then to take what was last written
	start   time.Time
	body    *awaited // the client's; nil when it sends none
	limited func(limit string)
	http1   bool // what comes after an unread body is no request

	client  string        // who asked, once known
	standIn bool          // nobody is known to ask: see policy.Caller.StandsIn
	pool    string        // the caller's, once known; "" for one who passes through
	about   []policy.Fact // of who asked, besides: for the log, and never a metric label
	asked   policy.Request
	spared  *policy.OutOfScope // the refusal that it would have got; nil for none
	answer  *exchange.Answer   // nil when there was none
	refusal string             // why there was none
	status  int                // what the client got; 0 when it got nothing
	bytes   int64              // of body, to the client
}

func (p *Proxy) begin(w http.ResponseWriter, r *http.Request) *record {
	rec := &record{ResponseWriter: w, control: http.NewResponseController(w), start: time.Now(), limited: p.meters.limited}
	if r.Body != nil && r.Body != http.NoBody {
		// GitHub may answer before it has all of the body. HTTP/1.1 would take the rest
		// of it from whoever sends it on, and so break that request and its answer off.
		rec.control.EnableFullDuplex()
		rec.body = &awaited{ReadCloser: r.Body, control: rec.control, limited: p.meters.limited, within: limitBodyTime}
		rec.http1, r.Body = r.ProtoMajor == 1, rec.body
	}
	return rec
}

func (w *record) wrote() bool { return w.status != 0 }

// WriteHeader notes the status.
func (w *record) WriteHeader(status int) {
	w.status = status
	if w.http1 && !w.body.ended.Load() {
		w.Header().Set("Connection", "close")
	}
	w.wait()
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes. What is long it writes in pieces, each of which may take its time.
func (w *record) Write(b []byte) (n int, err error) {
	for piece := range slices.Chunk(b, len(buffer{})) {
		w.wait()
		wrote, err := w.ResponseWriter.Write(piece)
		w.bytes += int64(wrote)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.limited(limitAnswerTime)
		}
		if n += wrote; err != nil {
			return n, err
		}
	}
	return n, nil
}

// wait gives the client time to take what is written next. A connection whose client
// takes nothing more would be kept for ever.
func (w *record) wait() { extend(&w.patient, w.control.SetWriteDeadline) }

// extend sets a deadline to stallTimeout from now, unless it is far enough away: setting
// one for each piece of a body costs more than copying it.
func extend(deadline *time.Time, set func(time.Time) error) {
	if now := time.Now(); deadline.Sub(now) < stallTimeout/2 {
		*deadline = now.Add(stallTimeout)
		set(*deadline)
	}
}

// awaited is a client's body, which may come as slowly as it likes but not stop.
type awaited struct {
	io.ReadCloser
	control *http.ResponseController
	patient time.Time   // the next bytes have until then to come
	begun   atomic.Bool // somebody has read of it
	ended   atomic.Bool // all of it was read
	limited func(limit string)
	within  string // the limit that is met when they do not; "" for none that counts
}

// Read is for one reader at a time.
func (b *awaited) Read(p []byte) (int, error) {
	b.begun.Store(true)
	extend(&b.patient, b.control.SetReadDeadline)
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.ended.Store(true)
		// From here on the connection is read to see whether the client is still
		// there, however long the answer takes.
		b.control.SetReadDeadline(time.Time{})
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && b.within != "" {
		b.limited(b.within)
		b.within = ""
	}
	return n, err
}

// How much of a body that nobody wants is read, and for how long, so that its connection can
// be kept.
const (
	drained   = 256 << 10
	drainTime = 5 * time.Second
)

// drain reads what nobody has begun to read.
func (b *awaited) drain() {
	if b.begun.Load() {
		return
	}
	b.hurry()
	io.Copy(io.Discard, b)
}

// hurry is for a body that is read for the client's sake only.
func (b *awaited) hurry() {
	b.endBy(time.Now().Add(drainTime))
	b.within = ""
}

// endBy has all of what is read from now on come by then.
func (b *awaited) endBy(then time.Time) {
	b.patient = then.Add(stallTimeout) // so that Read leaves the deadline alone
	b.control.SetReadDeadline(then)
}

// nextSoon has the next bytes come within stallTimeout again, and all of them when they
// like.
func (b *awaited) nextSoon() {
	b.patient, b.within = time.Time{}, limitBodyTime
}

// outcome is how the request was answered, in the words of logs and metrics.
func (w *record) outcome() string {
	if w.answer != nil {
		return string(w.answer.Outcome)
	}
	return "refused"
}

// kind is what was asked, as far as it was read.
func (w *record) kind() string { return string(cmp.Or(w.asked.Kind, policy.KindOther)) }

// end writes the one log line of a request and its counters.
func (p *Proxy) end(w *record, r *http.Request, err error) {
	took := time.Since(w.start)
	route := ""
	if hasRoute(w.asked.Kind) {
		route = p.routes.Of(r.Method, w.asked.Path.Segments())
	}
	p.meters.request(w, r.Method, route, took)
	p.remember(w, r, err)
	p.audit(w, r, err)
	p.learn(w, route)

	level := slog.LevelInfo
	switch {
	case errors.Is(r.Context().Err(), context.Canceled): // the client left
	case w.status >= 500 && w.answer == nil:
		level = slog.LevelError
	case err != nil && w.answer != nil:
		level = slog.LevelWarn
	}
	if !p.Log.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("client", cmp.Or(w.client, "-")),
		slog.String("method", r.Method),
		slog.String("host", w.asked.Origin.Host),
		slog.String("path", r.URL.Path), // never the query: it can hold secrets
		slog.String("kind", w.kind()),
		slog.Int("status", w.status),
		slog.String("outcome", w.outcome()),
		slog.Duration("took", took.Round(time.Microsecond)),
		slog.Int64("bytes", w.bytes),
	}
	if a := w.answer; a != nil {
		attrs = append(attrs,
			slog.String("credential", cmp.Or(a.Credential, "-")),
			slog.String("resource", cmp.Or(a.Resource, "-")),
			slog.Int("points", a.Spent),
			slog.String("request_id", cmp.Or(a.Header.Get("X-Github-Request-Id"), "-")))
	} else {
		attrs = append(attrs, slog.String("reason", w.refusal))
	}
	if w.spared != nil {
		attrs = append(attrs, slog.String("would_refuse", w.spared.Error()))
	}
	for _, fact := range w.about {
		attrs = append(attrs, slog.String(fact.Name, fact.Value))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	p.Log.LogAttrs(r.Context(), level, "request", attrs...)
}
