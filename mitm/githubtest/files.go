package githubtest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// signedFor is how long a signed URL works.
const signedFor = 5 * time.Minute

// signature proves that the API handed out a URL. It is made with a key that no
// client has.
func (s *Server) signature(kind string, id int, path string) string {
	mac := hmac.New(sha256.New, s.authority.secret)
	fmt.Fprintf(mac, "%s\x00%d\x00%s", kind, id, path)
	return strings.ToUpper(hex.EncodeToString(mac.Sum(nil))[:32])
}

// assetURL is the signed address of a release asset.
func (s *Server) assetURL(a *asset) string {
	until := strconv.FormatInt(s.now().Add(signedFor).Unix(), 10)
	return fmt.Sprintf("https://%s/github-production-release-asset/%d/%d?se=%s&sig=%s&rscd=%s", hostAssets, a.uploader.id, a.id, until,
		s.signature("asset", a.id, until), url.QueryEscape("attachment; filename="+a.name))
}

// archiveURL is where codeload has an archive, signed when it is private.
func (s *Server) archiveURL(r *repo, format, revision string) string {
	location := "https://" + hostCodeload + "/" + r.fullName() + "/" + format + "/" + (&url.URL{Path: revision}).EscapedPath()
	if r.private {
		location += "?token=" + s.signature("archive", r.id, revision)
	}
	return location
}

// serveSignedAsset plays release-assets.githubusercontent.com. The URL is the
// whole credential: an Authorization beside it is refused, as the storage behind it does.
func (s *Server) serveSignedAsset(w http.ResponseWriter, r *http.Request) {
	segments := strings.Split(r.URL.Path, "/")
	id, _ := strconv.Atoi(segments[len(segments)-1])
	query := r.URL.Query()
	until, _ := strconv.ParseInt(query.Get("se"), 10, 64)
	a := s.assetByID(id)
	signed := query.Get("sig") == s.signature("asset", id, query.Get("se")) && s.now().Unix() < until
	switch {
	case r.Header.Get("Authorization") != "":
		http.Error(w, "<?xml version=\"1.0\"?><Error><Code>InvalidAuthenticationInfo</Code></Error>", http.StatusBadRequest)
	case a == nil || !signed:
		http.Error(w, "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code></Error>", http.StatusForbidden)
	default:
		w.Header().Set("Content-Type", a.contentType)
		w.Header().Set("Content-Disposition", query.Get("rscd"))
		w.Header().Set("ETag", `"0x`+hexSHA256(a.content)[:15]+`"`)
		http.ServeContent(w, r, "", a.created, bytes.NewReader(a.content))
	}
}

func (s *Server) assetByID(id int) *asset {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.order {
		for _, rel := range r.releases {
			for _, a := range rel.assets {
				if a.id == id {
					return a
				}
			}
		}
	}
	return nil
}

// fileAccess finds the repository of a request to raw or codeload. token is the
// query's, which is as good as a credential. Who may not see it gets nil.
func (s *Server) fileAccess(r *http.Request, fullName string, signed bool, rec *record) *repo {
	rp := s.repos[strings.ToLower(fullName)]
	if rp == nil {
		rp = s.renamed[strings.ToLower(fullName)]
	}
	v, refusal := s.authenticate(r)
	rec.by(v)
	if rp == nil || refusal != nil || (!v.opens(rp) || s.gitBarred(rp.owner, v) != "") && !signed {
		return nil
	}
	return rp
}

// serveRaw plays raw.githubusercontent.com: /OWNER/REPO/REF/PATH, where REF may
// be refs/heads/NAME. Its ETag is the digest of the file and no secret.
func (s *Server) serveRaw(w http.ResponseWriter, r *http.Request, rec *record) {
	segments := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
	if len(segments) < 3 || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "404: Not Found", http.StatusNotFound)
		return
	}
	content, found := s.rawFile(r, segments[0]+"/"+segments[1], segments[2], rec)
	if !found {
		http.Error(w, "404: Not Found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=300")
	w.Header().Set("ETag", `"`+hexSHA256(content)+`"`)
	w.Header().Set("Vary", "Authorization,Accept-Encoding")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func (s *Server) rawFile(r *http.Request, fullName, rest string, rec *record) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.repos[strings.ToLower(fullName)]
	words := strings.Split(rest, "/")
	for at := 1; at < len(words); at++ { // a ref may have slashes
		revision, path := strings.Join(words[:at], "/"), strings.Join(words[at:], "/")
		signed := known != nil && r.URL.Query().Get("token") == s.signature("raw", known.id, path)
		rp := s.fileAccess(r, fullName, signed, rec)
		if rp == nil {
			continue
		}
		sha, found := s.sha(rp, revision)
		if !found {
			continue
		}
		if kind, id, found := s.objectAt(rp, sha, path); found && kind == "blob" {
			return s.git(rp, "cat-file", "blob", id)
		}
	}
	return nil, false
}

// serveCodeload plays codeload.github.com: /OWNER/REPO/[legacy.]tar.gz|zip/REF,
// streamed from git archive, without rate limit headers (observed).
func (s *Server) serveCodeload(w http.ResponseWriter, r *http.Request, rec *record) {
	segments := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 4)
	if len(segments) < 4 || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "404: Not Found", http.StatusNotFound)
		return
	}
	format, legacy := strings.CutPrefix(segments[2], "legacy.")
	dir, prefix, sha := s.archiveSource(r, rec, segments[0]+"/"+segments[1], segments[3], legacy)
	if sha == "" || format != "tar.gz" && format != "zip" {
		http.Error(w, "404: Not Found", http.StatusNotFound)
		return
	}
	kind := "application/x-gzip"
	if format == "zip" {
		kind = "application/zip"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", "attachment; filename="+prefix+"."+format)
	w.Header().Set("ETag", `W/"`+hexSHA256([]byte(sha+format))+`"`)
	w.Header().Set("Vary", "Authorization,Accept-Encoding,Origin")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodHead {
		return
	}
	cmd := exec.CommandContext(r.Context(), "git", "-C", dir, "archive", "--format="+format, "--prefix="+prefix+"/", sha)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, gitEnv...)
	cmd.Stdout = w
	if cmd.Run() != nil {
		panic(http.ErrAbortHandler) // the archive is cut: say so by breaking off
	}
}

// archiveSource is what to archive: the bare repository, the folder the files
// are to be in, and the commit, empty when there is none for this request.
func (s *Server) archiveSource(r *http.Request, rec *record, fullName, revision string, legacy bool) (dir, prefix, sha string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	signed := false
	if rp := s.repos[strings.ToLower(fullName)]; rp != nil {
		signed = r.URL.Query().Get("token") == s.signature("archive", rp.id, revision)
	}
	rp := s.fileAccess(r, fullName, signed, rec)
	if rp == nil {
		return "", "", ""
	}
	sha, found := s.sha(rp, revision)
	if !found {
		return "", "", ""
	}
	prefix = rp.name + "-" + strings.TrimPrefix(revision[strings.LastIndex(revision, "/")+1:], "v")
	if legacy {
		prefix = rp.owner.login + "-" + rp.name + "-" + sha[:7]
	}
	return s.gitDir(rp), prefix, sha
}
