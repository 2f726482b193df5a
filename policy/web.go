package policy

import (
	"net/url"
	"strings"
)

// readWeb sorts what is asked of github.com: smart and dumb git
// (gitprotocol-http), LFS, archives, raw files and release downloads, all below
// /OWNER/REPO. The rest is pages.
func (r *Request) readWeb(s []string, rawQuery string) {
	if len(s) > 2 && r.readBelow(s[2:], rawQuery) {
		r.Owner, r.Repo = s[0], withoutGit(s[1])
	}
}

// readEnterpriseWeb is readWeb for an Enterprise Server without subdomains, where
// raw files, archives and gists have a first segment instead of a host (GitHub's
// documentation, "Enabling subdomain isolation"; /_codeload is where archives were
// observed to lead).
func (r *Request) readEnterpriseWeb(rawQuery string) {
	s := r.Path.split
	if len(s) == 0 {
		return
	}
	switch strings.ToLower(s[0]) {
	case "raw":
		r.readRaw(s[1:])
	case "media":
		r.readSigned()
	case "codeload", "_codeload":
		r.readArchive(s[1:])
	case "gist":
		r.readGist(s[1:], rawQuery)
	default:
		r.readWeb(s, rawQuery)
	}
}

// readArchive sorts codeload's paths: /OWNER/REPO/FORMAT/REF, and /gist/ID/… for
// gists.
func (r *Request) readArchive(s []string) {
	if len(s) < 3 {
		return
	}
	r.Kind = KindArchive
	if s[0] == "gist" {
		r.gist, r.Repo = true, s[1]
		return
	}
	r.Owner, r.Repo = s[0], withoutGit(s[1])
}

// readRaw sorts /OWNER/REPO/REF/FILE.
func (r *Request) readRaw(s []string) {
	if len(s) < 3 {
		return
	}
	r.Kind = KindArchive
	r.Owner, r.Repo = s[0], withoutGit(s[1])
}

// readGist sorts /ID/… and /OWNER/ID/…, which are told apart by where the id is: it
// is hexadecimal, and what follows it is known. An owner in the path is no more
// than decoration: the id alone says which gist is meant.
func (r *Request) readGist(s []string, rawQuery string) {
	r.gist = true
	for at := range min(2, len(s)) {
		id := withoutGit(s[at])
		if len(s) > at+1 && only(id, isHexLower) && r.readBelow(s[at+1:], rawQuery) {
			r.Repo = id
			if at == 1 {
				r.Owner = s[0]
			}
			return
		}
	}
}

// readBelow sorts what follows /OWNER/REPO, and reports whether it knows it.
func (r *Request) readBelow(s []string, rawQuery string) bool {
	switch {
	case is(s, "info", "refs"):
		r.Kind, r.Write = KindGit, r.Write || asksToPush(rawQuery)
	case is(s, "git-upload-pack"):
		r.Kind, r.Write = KindGit, false
	case is(s, "git-receive-pack"):
		r.Kind, r.Write = KindGit, true
	case is(s, "HEAD"), has(s, "objects"):
		r.Kind = KindGit
	case is(s, "info", "lfs", "objects", "batch"):
		r.Kind, r.Write = KindLFS, false
	case has(s, "info", "lfs"):
		r.Kind = KindLFS
	case has(s, "archive"), has(s, "raw"), is(s, "raw"), has(s, "tarball"), has(s, "zipball"),
		has(s, "releases", "download"), has(s, "releases", "latest", "download"):
		r.Kind = KindArchive
	default:
		return false
	}
	return true
}

// asksToPush reports whether a discovery is that of a push. It is, unless the
// query asks for nothing or once, plainly, for git-upload-pack: what two readers
// may read differently is taken for the worse.
func asksToPush(rawQuery string) bool {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return true
	}
	for key, values := range query {
		if !strings.Contains(strings.ToLower(key), "service") {
			continue
		}
		if key != "service" || len(values) != 1 || values[0] != "git-upload-pack" {
			return true
		}
	}
	return false
}

// is reports whether s is exactly these segments.
func is(s []string, words ...string) bool {
	return len(s) == len(words) && begins(s, words)
}

// has reports whether s has these segments and at least one more.
func has(s []string, words ...string) bool {
	return len(s) > len(words) && begins(s, words)
}

func begins(s, words []string) bool {
	for i, word := range words {
		if s[i] != word {
			return false
		}
	}
	return true
}

// withoutGit cuts ".git" off a repository's name, which git's URLs may have and no
// repository may.
func withoutGit(repo string) string {
	if n := len(repo) - len(".git"); n > 0 && equalFold(".git", repo[n:]) {
		return repo[:n]
	}
	return repo
}
