package mitm

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// timed is a ResponseWriter that remembers the deadlines it was given.
type timed struct {
	http.ResponseWriter
	read, write []time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error  { w.read = append(w.read, t); return nil }
func (w *timed) SetWriteDeadline(t time.Time) error { w.write = append(w.write, t); return nil }

// The client's next bytes have a deadline, which moves on while they come. Once all have
// come there is none: the connection is still read, to see whether the client is there,
// and GitHub may take its time to answer.
func TestDeadlinesMoveOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := &timed{ResponseWriter: httptest.NewRecorder()}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("four"))
		rec := new(Proxy).begin(w, r)
		one := make([]byte, 1)
		for range 4 {
			if _, err := r.Body.Read(one); err != nil {
				t.Fatal(err)
			}
			rec.Write(one)
			<-time.After(stallTimeout / 3)
		}
		if _, err := r.Body.Read(one); err != io.EOF {
			t.Fatal(err)
		}
		after := func(d time.Duration) time.Time { return start.Add(d + stallTimeout) }
		want := []time.Time{after(0), after(stallTimeout * 2 / 3)}
		if len(w.write) != 2 || !w.write[0].Equal(want[0]) || w.write[1].Sub(want[1]).Abs() > time.Second {
			t.Errorf("write deadlines %v, want %v", w.write, want)
		}
		if n := len(w.read); n < 2 || !w.read[n-1].IsZero() || w.read[n-2].IsZero() {
			t.Errorf("read deadlines %v", w.read)
		}
	})
}
