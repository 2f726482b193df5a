package config

// Audit is the file of what was done and by whom.
type Audit struct {
	File     string `toml:"file"` // "" for none
	MaxBytes Size   `toml:"max_bytes"`
	Keep     int    `toml:"keep"`
}

// An AuditFile is where it is kept, and how much of it.
type AuditFile struct {
	Path     string // absolute; "" for none
	MaxBytes int64  // before it is put aside
	Keep     int    // how many that were put aside; 0 is all
}

func (s *settler) audit(a Audit) AuditFile {
	if a.MaxBytes < 1<<20 {
		s.wrong("audit.max_bytes", "want 1MiB or more")
	}
	if a.Keep < 0 {
		s.wrong("audit.keep", "want a number of files; 0 keeps all")
	}
	if a.File == "" {
		return AuditFile{}
	}
	return AuditFile{Path: s.path(a.File), MaxBytes: int64(a.MaxBytes), Keep: a.Keep}
}

// AuditFile is Settle for who reads the audit file of an octopool: it needs no secret.
func (s Source) AuditFile() (AuditFile, []Problem) {
	st := s.settler(nil)
	if s.Written.Audit.File == "" {
		st.wrong("audit.file", "not set, so there is nothing to read; with one, octopool keeps a line of every write and refusal")
	}
	out := st.audit(s.Written.Audit)
	return out, st.problems
}
