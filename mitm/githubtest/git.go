package githubtest

import (
	"io"
	"net/http"
	"net/http/cgi"
	"os/exec"
	"path/filepath"
	"strings"
)

// serveGitHost plays github.com: git over HTTPS, and the few web paths that
// tools download from.
func (s *Server) serveGitHost(w http.ResponseWriter, r *http.Request, rec *record) {
	segments := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
	if len(segments) == 3 {
		switch service := segments[2]; service {
		case "info/refs", "git-upload-pack", "git-receive-pack":
			s.serveGit(w, r, rec, segments[0], strings.TrimSuffix(segments[1], ".git"), service)
			return
		}
		if lfs, is := strings.CutPrefix(segments[2], "info/lfs/"); is {
			s.serveLFS(w, r, rec, segments[0]+"/"+strings.TrimSuffix(segments[1], ".git"), lfs)
			return
		}
		if s.serveWeb(w, r, rec, segments[0]+"/"+segments[1], segments[2]) {
			return
		}
	}
	http.Error(w, "Not Found", http.StatusNotFound)
}

// serveWeb redirects the download addresses of the web site.
func (s *Server) serveWeb(w http.ResponseWriter, r *http.Request, rec *record, fullName, rest string) bool {
	location := s.downloadURL(r, rec, fullName, rest)
	if location == "" {
		return false
	}
	w.Header().Set("Cache-Control", "no-cache")
	http.Redirect(w, r, s.place.spell(location), http.StatusFound)
	return true
}

// downloadURL is where a download address leads, or empty.
func (s *Server) downloadURL(r *http.Request, rec *record, fullName, rest string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	rp := s.fileAccess(r, fullName, false, rec)
	if rp == nil {
		return ""
	}
	if tail, is := strings.CutPrefix(rest, "releases/download/"); is {
		at := strings.LastIndex(tail, "/")
		rel := rp.release(func(rel *release) bool { return at > 0 && rel.tag == tail[:at] && !rel.draft })
		if rel == nil {
			return ""
		}
		for _, a := range rel.assets {
			if a.name == tail[at+1:] {
				a.downloads++
				return s.assetURL(a)
			}
		}
	}
	if tail, is := strings.CutPrefix(rest, "archive/"); is {
		for _, format := range []string{"tar.gz", "zip"} {
			if revision, is := strings.CutSuffix(tail, "."+format); is {
				return s.archiveURL(rp, format, revision)
			}
		}
	}
	if tail, is := strings.CutPrefix(rest, "raw/"); is {
		return "https://" + hostRaw + "/" + rp.fullName() + "/" + tail
	}
	return ""
}

// What git over HTTPS is told (observed texts).
const (
	gitNoRepository   = "Repository not found."
	gitAnonymousWrite = "No anonymous write access."
	gitBadCredentials = "Invalid username or token. Password authentication is not supported for Git operations."
)

// serveGit decides who may, and hands over to git http-backend.
//
// A repository the credential does not open is a 404, so that git never asks
// for another; without any credential it is a 401, as it is for one that does
// not exist. A credential that is no good at all is a 401 everywhere, public
// repositories included, and so is one sent as Bearer or token.
func (s *Server) serveGit(w http.ResponseWriter, r *http.Request, rec *record, owner, name, service string) {
	write := service == "git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
	g := s.gitAccess(r, rec, owner+"/"+name)
	switch {
	case g.refusal != nil && g.refusal.status == http.StatusForbidden:
		gitRefuse(w, http.StatusForbidden, g.refusal.message)
	case g.refusal != nil || !g.basic:
		challenge(w, gitBadCredentials)
	case g.movedTo != "":
		target := webURL + "/" + g.movedTo + ".git/" + service
		if r.URL.RawQuery != "" {
			target += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, s.place.spell(target), http.StatusMovedPermanently)
	case g.barred != "":
		gitRefuse(w, http.StatusForbidden, g.barred)
	case g.login == "" && !g.reads:
		challenge(w, gitNoRepository)
	case g.login == "" && write:
		challenge(w, gitAnonymousWrite)
	case !g.reads:
		gitRefuse(w, http.StatusNotFound, gitNoRepository)
	case write && !g.writes:
		gitRefuse(w, http.StatusForbidden, "Permission to "+g.repo.fullName()+".git denied to "+g.login+".")
	default:
		s.backend(w, r, g.root, g.dir, service, g.login)
		if service == "git-receive-pack" {
			s.pushed(g.repo)
		}
	}
}

// gitAccess is what a git request may do.
type gitAccess struct {
	login         string
	refusal       *answer // the credential is no good
	basic         bool    // it came in the one form git endpoints take, or none came
	repo          *repo
	movedTo       string // the new full name of a renamed repository
	barred        string // why the owner keeps this credential out
	reads, writes bool
	root, dir     string // set when reads
}

func (s *Server) gitAccess(r *http.Request, rec *record, fullName string) gitAccess {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, refusal := s.authenticate(r)
	rec.by(v)
	g := gitAccess{login: v.login, refusal: refusal, repo: s.repos[strings.ToLower(fullName)]}
	g.basic = v.token == nil || strings.HasPrefix(strings.ToLower(r.Header.Get("Authorization")), "basic ")
	if former := s.renamed[strings.ToLower(fullName)]; g.repo == nil && former != nil && v.reads(former) {
		g.movedTo = former.fullName()
	}
	if g.repo != nil && v.opens(g.repo) {
		g.barred = s.gitBarred(g.repo.owner, v)
		s.flush(g.repo)
		g.reads, g.writes = true, v.writes(g.repo, "contents=write")
		g.root, g.dir = s.gitRoot, s.gitDir(g.repo)
	}
	return g
}

// pushed lets the API see what a push brought.
func (s *Server) pushed(r *repo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved(r)
}

// challenge makes git ask its helper.
func challenge(w http.ResponseWriter, text string) {
	w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
	gitRefuse(w, http.StatusUnauthorized, text)
}

// gitRefuse is plain text, which git shows with "remote: " before it.
func gitRefuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}

// backend runs git http-backend. It reads gzip'd bodies itself, and a body of
// unknown length to its end, so net/http/cgi is not told of chunking, which it
// would refuse. Everything is flushed as it comes.
func (s *Server) backend(w http.ResponseWriter, r *http.Request, root, dir, service, login string) {
	relative, err := filepath.Rel(root, dir)
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	inner := r.Clone(r.Context())
	inner.TransferEncoding = nil
	inner.URL.Path = "/" + filepath.ToSlash(relative) + "/" + service
	inner.URL.RawPath = ""
	inner.Header.Del("Authorization")
	env := append([]string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"}, gitEnv...)
	if login != "" {
		env = append(env, "REMOTE_USER="+login)
	}
	git, err := exec.LookPath("git")
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	handler := cgi.Handler{Path: git, Args: []string{"http-backend"}, Dir: "/", Env: env, Stderr: io.Discard}
	handler.ServeHTTP(&flushingWriter{w}, inner)
}

// A flushingWriter sends each write at once: a pack comes with progress reports
// that a person waits for.
type flushingWriter struct{ http.ResponseWriter }

func (f *flushingWriter) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	http.NewResponseController(f.ResponseWriter).Flush()
	return n, err
}
