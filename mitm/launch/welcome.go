package launch

import (
	"fmt"
	"io"
)

// A Welcome is what an octopool says of itself when it begins to serve.
type Welcome struct {
	Version string
	Where   Where
	Flags   string // with which the other commands find it too; "" or begins with a space
	Token   string // of a client that was made just now
	Kept    string // where the digest of such a client is, if it was made earlier
}

// WriteTo prints what to paste in another terminal.
func (w Welcome) WriteTo(out io.Writer) (int64, error) {
	text := fmt.Sprintf("octopool %s is at %s\n\nIn another terminal:\n\n  eval \"$(octopool env%s)\"\n", w.Version, w.Where.ProxyURL, w.Flags)
	switch {
	case w.Token != "":
		text += fmt.Sprintf("  export GH_TOKEN=%s\n\nThis is the token of client \"default\". It is shown this once; octopool keeps a digest.\n", w.Token)
	case w.Kept != "":
		text += fmt.Sprintf("  export GH_TOKEN=…    # the token that was shown on first use\n\nIs it lost? Remove %s and start again.\n", w.Kept)
	default:
		text += "  export GH_TOKEN=…    # the token of a registered client\n"
	}
	text += "\nWithout the octopool command, set these yourself:\n\n"
	for _, s := range w.Where.Settings(nil) {
		switch s.Name {
		case "HTTPS_PROXY", "GIT_SSL_CAINFO", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS":
			text += "  export " + s.Name + "=" + Quote(s.Value) + "\n"
		}
	}
	n, err := io.WriteString(out, text+"\n")
	return int64(n), err
}
