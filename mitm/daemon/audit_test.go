package daemon

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"octopool/mitm/audit"
	"octopool/mitm/config"
)

// What the audit file does not hold although it should is counted, and told once: a disk
// that is full would fill the log as well.
func TestAuditThatCannotBeWritten(t *testing.T) {
	g := gitHub(t)
	l := follow(t, g, settings(t, g))
	l.shows("/metrics", "octopool_audit_errors_total 0\n")
	for range 3 {
		l.audit.failed(errors.New("no space left"))
	}
	l.shows("/metrics", "octopool_audit_errors_total 3\n")
	if n := strings.Count(l.log.String(), "no space left"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// Another file, or another size of it, waits for a restart.
func TestAuditWaitsForARestart(t *testing.T) {
	g := gitHub(t)
	file := filepath.Join(t.TempDir(), "new", "audit.json")
	s := settings(t, g)
	s.Audit = config.AuditFile{Path: file, MaxBytes: 1 << 20}
	l := follow(t, g, s)
	done := l.use(func(s *config.Settings) { s.Audit.Path += ".other" })
	if len(done.Restart) != 1 || done.Restart[0] != "audit" {
		t.Errorf("%+v", done)
	}
	var events []audit.Event
	if _, err := audit.Read(file, audit.Filter{}, func(e audit.Entry) error {
		events = append(events, e.Event)
		return nil
	}); err != nil || len(events) != 2 || events[0] != audit.Start || events[1] != audit.Reload {
		t.Errorf("%v, %v", events, err)
	}
}
