package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"octopool/mitm/admin"
	"octopool/mitm/audit"
	"octopool/mitm/config"
	"octopool/policy/pool"
)

// An auditor keeps the audit file of an octopool, if there is to be one. What is asked
// is not refused when a line cannot be written: it is counted, and told once.
type auditor struct {
	*audit.Log
	log    *slog.Logger
	errors atomic.Uint64 // lines that were not written
	told   atomic.Bool
}

// open opens the file, before anything happens that has a place in it.
func (a *auditor) open(f config.AuditFile) (err error) {
	if f.Path == "" {
		return nil
	}
	if err = os.MkdirAll(filepath.Dir(f.Path), 0o700); err == nil {
		a.Log, err = audit.Open(f.Path, f.MaxBytes, f.Keep, a.failed)
	}
	if err != nil {
		return config.Problem{Key: "audit.file", Message: err.Error()}
	}
	return nil
}

func (a *auditor) failed(err error) {
	a.errors.Add(1)
	if a.told.CompareAndSwap(false, true) {
		a.log.Error("the audit file cannot be written; requests are answered all the same, and octopool_audit_errors_total counts what is missing there", "err", err)
	}
}

func (a *auditor) add(e audit.Entry) {
	e.Time = time.Now().UTC()
	a.Add(e)
}

// credential notes what became of one.
func (a *auditor) credential(c pool.Change) {
	a.add(audit.Entry{Event: audit.Credential, Credential: c.Credential, Message: strings.TrimSuffix(string(c.What)+": "+c.Why, ": ")})
}

// began notes that the octopool serves, and as what.
func (a *auditor) began(s config.Settings) {
	a.add(audit.Entry{Event: audit.Start, Message: fmt.Sprintf("octopool %s with %d credentials and %d clients", Version(), len(s.Credentials), len(s.Rules.Clients))})
}

// reloaded notes what a reading of the configuration came to.
func (a *auditor) reloaded(why string, r admin.Reloaded) {
	message := why + ": "
	switch {
	case len(r.Problems) > 0:
		message += "nothing has changed, since " + strings.Join(r.Problems, "; ")
	case len(r.Changed) == 0:
		message += "nothing has changed"
	default:
		message += strings.Join(r.Changed, ", ")
	}
	if len(r.Restart) > 0 {
		message += "; needs a restart: " + strings.Join(r.Restart, ", ")
	}
	a.add(audit.Entry{Event: audit.Reload, Message: message})
}

// ended notes the end, and closes the file.
func (a *auditor) ended(err error) error {
	message := ""
	if err != nil {
		message = "requests were cut off: " + err.Error()
	}
	a.add(audit.Entry{Event: audit.Stop, Message: message})
	return errors.Join(err, a.Close())
}
