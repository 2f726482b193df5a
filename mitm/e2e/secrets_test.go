package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"octopool/store"
)

// checkSecrets looks for tokens where none may be, when all is over: no client's at
// GitHub, and none at all, of clients or credentials, in what octopool wrote to its data
// folder, its log, its standard output, its metrics, and in what the session printed.
func (h *house) checkSecrets(transcript string) {
	h.t.Helper()
	for name, token := range h.clients {
		for _, needle := range halves(token) {
			for _, g := range h.servers() {
				for _, place := range g.Contains(needle) {
					h.t.Errorf("GitHub saw the token of client %s: %s", name, place)
				}
			}
		}
	}
	h.checkCredentials()
	for _, one := range h.github.Seen() {
		if strings.HasSuffix(one.Host, ".githubusercontent.com") && one.Host != "raw.githubusercontent.com" && !theStorages(one.Header.Get("Authorization")) {
			h.t.Errorf("%s %s%s, behind a tunnel, was given an Authorization", one.Method, one.Host, one.Path)
		}
	}
	places := map[string][]byte{
		"the session's output":                          []byte(transcript),
		"octopool's log":                                []byte(h.daemon.log()),
		"octopool's output":                             h.daemon.stdout.Bytes(),
		"octopool's metrics, status, history and pages": h.daemon.scraped,
		"octopool's configuration":                      []byte(h.configurationText()),
	}
	if len(h.daemon.scraped) == 0 || h.daemon.log() == "" {
		h.t.Error("no log or no metrics to look through")
	}
	audited, err := os.ReadFile(h.auditFile())
	if err != nil || len(audited) == 0 {
		h.t.Errorf("no audit file to look through: %v", err)
	}
	places["octopool's audit file"] = audited
	for name, content := range filesBelow(h.t, h.data) {
		places[name] = content
	}
	for place, content := range places {
		for name, token := range h.tokens() {
			if in := find(token, content); in != "" {
				h.t.Errorf("the token of %s is in %s, %s", name, place, in)
			}
		}
	}
}

// theStorages reports whether an Authorization, if there is one, is what GitHub gave out with
// the address of an LFS object.
func theStorages(authorization string) bool {
	return authorization == "" || strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 ")
}

func (h *house) auditFile() string { return filepath.Join(h.folder, "audit.json") }

func (h *house) configurationText() string {
	text, err := os.ReadFile(h.config)
	if err != nil {
		h.t.Error(err)
	}
	return string(text)
}

func (h *house) tokens() map[string]string {
	all := map[string]string{}
	for name, token := range h.clients {
		all["client "+name] = token
	}
	for name, token := range h.pats {
		all["credential "+name] = token
	}
	return all
}

// filesBelow are all files of a folder.
func filesBelow(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Errorf("%s: %d files, %v", folder, len(files), err)
	}
	return files
}

// find says how a token occurs in some bytes, whole or half, "" if it does not: as it
// is, in base64 of either alphabet at any alignment, or in anything gzip'd.
//
// That is all there is to look for in a Badger store of ours. Its tables are not
// compressed (badgerOptions in octopool/store) and its value log never is; bodies lie in
// it as GitHub sent them, plain or gzip'd, each in one piece. TestFindInStore holds that
// against a real one.
func find(token string, in []byte) string {
	if how := findPlain(token, in); how != "" {
		return how
	}
	for at := 0; ; at++ {
		next := bytes.Index(in[at:], []byte("\x1f\x8b\x08"))
		if next < 0 {
			return ""
		}
		at += next
		zipped, err := gzip.NewReader(bytes.NewReader(in[at:]))
		if err != nil {
			continue
		}
		zipped.Multistream(false)
		plain, _ := io.ReadAll(io.LimitReader(zipped, 16<<20)) // the readable part of a broken one counts
		if how := findPlain(token, plain); how != "" {
			return how + ", gzip'd"
		}
	}
}

func findPlain(token string, in []byte) string {
	for _, half := range halves(token) {
		if bytes.Contains(in, []byte(half)) {
			return "as it is"
		}
		for _, encoded := range inBase64(half) {
			if bytes.Contains(in, []byte(encoded)) {
				return "in base64"
			}
		}
	}
	return ""
}

// halves are the two halves of a token's random part: half a token is a leak too.
func halves(token string) []string {
	random := strings.TrimPrefix(token, "github_pat_")
	return []string{random[:len(random)/2], random[len(random)/2:]}
}

// inBase64 is how a text looks inside something longer that was encoded.
func inBase64(text string) []string {
	var all []string
	for before := range 3 {
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			encoded := encoding.EncodeToString(append(make([]byte, before), text...))
			first := (before*8 + 5) / 6 // characters that what stands before has a part in
			last := (before + len(text)) * 8 / 6
			all = append(all, encoded[first:last])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// The search can find: in every place of a real store that could hold a token.
func TestFindInStore(t *testing.T) {
	const token = "github_pat_ABCDEFGHIJKLMNOPQRSTUVWXYZ_234567QWERTYUIOPASDFGHJKL"
	zipped := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		fmt.Fprintf(w, `{"before":%q,"text":%q}`, strings.Repeat("x", 10_000), text)
		w.Close()
		return b.Bytes()
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token))
	for name, put := range map[string]func(k *store.Key, r *store.Representation) (body []byte){
		"nowhere":        func(*store.Key, *store.Representation) []byte { return []byte(`{"login":"octo-bot"}`) },
		"a body":         func(*store.Key, *store.Representation) []byte { return []byte(`{"token":"` + token + `"}`) },
		"half in a body": func(*store.Key, *store.Representation) []byte { return []byte(`{"token":"` + halves(token)[1] + `"}`) },
		"a gzip'd body":  func(_ *store.Key, r *store.Representation) []byte { r.Encoding = "gzip"; return zipped(token) },
		"a header": func(_ *store.Key, r *store.Representation) []byte {
			r.Header = map[string][]string{"X-T": {basic}}
			return nil
		},
		"a query": func(k *store.Key, _ *store.Representation) []byte { k.Query = "t=" + token; return nil },
		"a voucher": func(_ *store.Key, r *store.Representation) []byte {
			r.Vouch(store.Voucher{Pool: "p", Credential: token})
			return nil
		},
		"a large body":   func(*store.Key, *store.Representation) []byte { return append(make([]byte, 1<<20), token...) },
		"base64 in gzip": func(_ *store.Key, r *store.Representation) []byte { r.Encoding = "gzip"; return zipped(basic) },
		"base64, shifted": func(*store.Key, *store.Representation) []byte {
			return []byte(base64.URLEncoding.EncodeToString([]byte("x" + token)))
		},
	} {
		folder := t.TempDir()
		badger, err := store.OpenBadger(folder, store.BadgerOptions{TTL: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 50 { // so that it is among others
			key := store.Key{Host: "api.github.com", Path: fmt.Sprintf("/repos/acme/%d", n)}
			view := &store.Representation{ETag: `"e"`, Body: store.Digest{byte(n)}}
			body := []byte(`{"name":"acme"}`)
			if n == 25 {
				body = put(&key, view)
			}
			badger.Put(key, view, body)
		}
		if err := badger.Close(); err != nil {
			t.Fatal(err)
		}
		found := ""
		for _, content := range filesBelow(t, folder) {
			if how := find(token, content); how != "" {
				found = how
			}
		}
		if (found != "") != (name != "nowhere") {
			t.Errorf("%s: found %q", name, found)
		}
	}
}
