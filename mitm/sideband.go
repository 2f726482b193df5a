package mitm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"octopool/policy"
)

// git shows its user a plain text from the discovery of a push, which is where one is
// refused, and nothing but the status of what refuses the push itself (git 2.39). To say
// why there too, the refusal is what a server's hook would have said, in git's own
// protocol (gitprotocol-pack, "Reference Update Request" and "Report Status").

// refusedPush is the refusal of a small push that nobody has begun to read, nil for any
// other request: one that is large is stopped by a status before its pack is sent.
func refusedPush(asked policy.Request, in *http.Request, r refusal) []byte {
	body, _ := in.Body.(*awaited)
	if !asked.Write || in.Method != http.MethodPost || r.status == http.StatusUnauthorized ||
		body == nil || body.begun.Load() || in.Header.Get("Content-Encoding") != "" || in.ContentLength < 0 || in.ContentLength > pushBytes {
		return nil
	}
	body.hurry()
	p, err := readPush(body)
	io.Copy(io.Discard, body) // or the client may be cut off while it sends
	if err != nil {
		return nil
	}
	return p.refused(r.message)
}

// A push is what a client asks git-receive-pack for, before the pack that goes with it.
type push struct {
	refs         []string // those it would change
	capabilities []string // of the client
}

// Bounds of what is read of a push that is refused anyhow. git sends up to 1 MiB at once
// (its http.postBuffer), and asks before it sends more.
const (
	pushRefs  = 256
	pushBytes = 1 << 20
)

// errNoPush is for what does not begin as a push does: what is of another protocol, and
// the four bytes with which git asks, before a large pack, whether it may send one. It is
// to be answered with a status.
var errNoPush = errors.New("this is no push")

// readPush reads the commands of a push: pkt-lines of "OLD NEW REF", the first with
// capabilities behind a NUL, up to a flush.
func readPush(r io.Reader) (push, error) {
	var p push
	for first := true; ; {
		line, err := readPkt(r)
		switch {
		case err != nil:
			return push{}, err
		case line == nil && len(p.refs) == 0:
			return push{}, errNoPush
		case line == nil:
			return p, nil
		}
		text := string(bytes.TrimSuffix(line, []byte("\n")))
		if strings.HasPrefix(text, "shallow ") {
			continue
		}
		text, capabilities, _ := strings.Cut(text, "\x00")
		if first {
			p.capabilities, first = strings.Fields(capabilities), false
		}
		words := strings.SplitN(text, " ", 3)
		if len(words) != 3 || !isObjectID(words[0]) || !isObjectID(words[1]) || !isRef(words[2]) || len(p.refs) == pushRefs {
			return push{}, errNoPush
		}
		p.refs = append(p.refs, words[2])
	}
}

// readPkt reads one pkt-line; nil is a flush. Its error is errNoPush for what is none, and
// for one that ends early.
func readPkt(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, errNoPush
	}
	length, err := strconv.ParseUint(string(head[:]), 16, 16)
	switch {
	case err != nil, length > 0 && length <= 4, length > maxPkt:
		return nil, errNoPush
	case length == 0:
		return nil, nil
	}
	line := make([]byte, length-4)
	if _, err := io.ReadFull(r, line); err != nil {
		return nil, errNoPush
	}
	return line, nil
}

// maxPkt is the longest pkt-line there is (gitprotocol-common).
const maxPkt = 65520

// isObjectID reports whether s is a SHA-1 or a SHA-256 as git writes them.
func isObjectID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// isRef reports whether s can stand in a report: a terminal shows it.
func isRef(s string) bool {
	return s != "" && len(s) <= 1024 && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || unicode.IsControl(r) })
}

// refused is the answer to the push: the reason, which git shows behind "remote: ", and
// that no ref was changed. It is nil for a client that has not asked to be told.
func (p push) refused(reason string) []byte {
	report := p.can("report-status") || p.can("report-status-v2")
	const most = 900 // of a reason; the least side band has lines of 1000 bytes
	reason = strings.ToValidUTF8(reason[:min(len(reason), most)], "")
	var status bytes.Buffer
	if report {
		writePkt(&status, "unpack ok\n") // as after a hook's refusal
		for _, ref := range p.refs {
			writePkt(&status, fmt.Sprintf("ng %s refused by octopool\n", ref))
		}
		status.WriteString("0000")
	}
	lines := 0
	switch {
	case p.can("side-band-64k"):
		lines = maxPkt - 5
	case p.can("side-band"):
		lines = 1000 - 5
	case report:
		return status.Bytes()
	default:
		return nil
	}
	var out bytes.Buffer
	writePkt(&out, "\x02"+reason+"\n")
	for part := range slices.Chunk(status.Bytes(), lines) {
		writePkt(&out, "\x01"+string(part))
	}
	out.WriteString("0000")
	return out.Bytes()
}

func (p push) can(capability string) bool { return slices.Contains(p.capabilities, capability) }

func writePkt(w io.Writer, line string) { fmt.Fprintf(w, "%04x%s", len(line)+4, line) }
