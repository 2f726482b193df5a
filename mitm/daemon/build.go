package daemon

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// A Build is what this octopool was built from and with. Commit, Date and Changed are
// there when it was built from a checkout, as go build notes it.
type Build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Date     string `json:"date,omitempty"`    // of the commit, as RFC 3339 has it
	Changed  bool   `json:"changed,omitempty"` // from that commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// ReadBuild is this one's.
func ReadBuild() Build {
	b := Build{Version: Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

// String is one line, for people.
func (b Build) String() string {
	line := fmt.Sprintf("octopool %s %s %s", b.Version, b.Go, b.Platform)
	if b.Commit == "" {
		return line
	}
	line += fmt.Sprintf(", commit %.12s of %s", b.Commit, b.Date)
	if b.Changed {
		line += " with changes"
	}
	return line
}
