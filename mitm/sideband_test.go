package mitm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// pktLines reads what is all pkt-lines; a flush is "flush".
func pktLines(t *testing.T, b []byte) []string {
	t.Helper()
	var all []string
	for r := bytes.NewReader(b); r.Len() > 0; {
		line, err := readPkt(r)
		if err != nil {
			t.Fatalf("%q: not pkt-lines", b)
		}
		if line == nil {
			line = []byte("flush")
		}
		all = append(all, string(line))
	}
	return all
}

func command(ref, capabilities string) string {
	zero := strings.Repeat("0", 40)
	var b bytes.Buffer
	writePkt(&b, zero+" "+zero+" "+ref+capabilities)
	return b.String()
}

// A client is told in what it has asked for, and of each ref it wanted to change.
func TestRefusedAsAsked(t *testing.T) {
	for capabilities, want := range map[string]string{
		" report-status side-band-64k":       `["\x02why\n" "\x01000eunpack ok\n0028ng refs/heads/a refused by octopool\n0028ng refs/heads/b refused by octopool\n0000" "flush"]`,
		" report-status-v2 side-band":        `["\x02why\n" "\x01000eunpack ok\n0028ng refs/heads/a refused by octopool\n0028ng refs/heads/b refused by octopool\n0000" "flush"]`,
		"side-band-64k":                      `["\x02why\n" "flush"]`,
		"report-status":                      `["unpack ok\n" "ng refs/heads/a refused by octopool\n" "ng refs/heads/b refused by octopool\n" "flush"]`,
		" agent=git/side-band-64k ofs-delta": `[]`,
	} {
		p, err := readPush(strings.NewReader(command("refs/heads/a", "\x00"+capabilities) + command("refs/heads/b\n", "") + "0000PACK"))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%q", pktLines(t, p.refused("why"))); got != want {
			t.Errorf("%q: %s", capabilities, got)
		}
	}
}

// Many refs take several lines of the least side band.
func TestRefusedInSeveralLines(t *testing.T) {
	var in strings.Builder
	in.WriteString(command("refs/heads/0", "\x00report-status side-band"))
	for n := range 99 {
		in.WriteString(command(fmt.Sprintf("refs/heads/%d", n+1), ""))
	}
	p, err := readPush(strings.NewReader(in.String() + "0000"))
	if err != nil {
		t.Fatal(err)
	}
	var status strings.Builder
	for _, line := range pktLines(t, p.refused("why")) {
		if len(line) > 1000-4 {
			t.Errorf("a line of %d bytes", len(line))
		}
		if rest, is := strings.CutPrefix(line, "\x01"); is {
			status.WriteString(rest)
		}
	}
	if told := pktLines(t, []byte(status.String())); len(told) != 102 || told[100] != "ng refs/heads/99 refused by octopool\n" {
		t.Errorf("%d lines, %q", len(told), told[max(0, len(told)-2):])
	}
}

func TestNoPush(t *testing.T) {
	for _, in := range []string{"", "0000", "000", "0001", "0004", "fffe", "ffff" + strings.Repeat("x", 1<<16), "+00a123456", command("refs/heads/a", ""), command("a\x1b[2Jb", "") + "0000", command("a\u009b2Jb", "") + "0000", command("", "") + "0000", "0009hello0000"} {
		if p, err := readPush(strings.NewReader(in)); err != errNoPush {
			t.Errorf("%.40q: %v, %v", in, p, err)
		}
	}
}

// Whatever a client sends, what it is told is pkt-lines, short enough, and holds nothing
// that a terminal would obey.
func FuzzRefusedPush(f *testing.F) {
	f.Add([]byte(command("refs/heads/a", "\x00 report-status side-band-64k")+"0000PACK"), "why")
	f.Add([]byte(command("refs/heads/\u00e4", "\x00report-status side-band")+command("refs/tags/b", "")+"0000"), strings.Repeat("long ", 300))
	f.Add([]byte("0035shallow 0000000000000000000000000000000000000000"+command("refs/heads/a", "\x00report-status")+"0000"), "")
	f.Add([]byte("0000"), "\xff")
	f.Fuzz(func(t *testing.T, in []byte, reason string) {
		p, err := readPush(bytes.NewReader(in))
		if err != nil {
			return
		}
		if len(p.refs) == 0 || len(p.refs) > pushRefs {
			t.Fatalf("%d refs", len(p.refs))
		}
		out := p.refused(reason)
		var status []byte
		for _, line := range pktLines(t, out) {
			switch line[0] {
			case 1:
				status = append(status, line[1:]...)
			case 2:
				if !utf8.ValidString(line) {
					t.Errorf("%q", line)
				}
			}
		}
		if status == nil && len(out) > 0 && !p.can("side-band") && !p.can("side-band-64k") {
			status = out
		}
		for _, line := range pktLines(t, status) {
			for _, r := range strings.TrimSuffix(line, "\n") {
				if unicode.IsControl(r) {
					t.Errorf("%q would be obeyed", line)
				}
			}
		}
	})
}
