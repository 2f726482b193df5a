package githubtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const typeLFS = "application/vnd.git-lfs+json"

type lfsObject = map[string]any

// lfsState is what a repository has in Git LFS.
type lfsState struct {
	objects map[string]string // files, by object id
	locks   []lfsLock
}

type lfsLock struct {
	ID       string   `json:"id"`
	Path     string   `json:"path"`
	LockedAt string   `json:"locked_at"`
	Owner    lfsOwner `json:"owner"`
}

type lfsOwner struct {
	Name string `json:"name"`
}

// serveLFS plays Git LFS on github.com, below OWNER/REPO.git/info/lfs (git-lfs's docs/api).
// What it answers leads to hosts of its own: see lfs_storage.go.
func (s *Server) serveLFS(w http.ResponseWriter, r *http.Request, rec *record, fullName, rest string) {
	g := s.gitAccess(r, rec, fullName)
	switch {
	case g.refusal != nil && g.refusal.status == http.StatusForbidden:
		lfsRefuse(w, http.StatusForbidden, g.refusal.message)
		return
	case g.refusal != nil || !g.basic:
		lfsChallenge(w, "Bad credentials")
		return
	case g.movedTo != "":
		http.Redirect(w, r, webURL+"/"+g.movedTo+".git/info/lfs/"+rest, http.StatusTemporaryRedirect)
		return
	case g.barred != "":
		lfsRefuse(w, http.StatusForbidden, g.barred)
		return
	case !g.reads && g.login == "":
		lfsChallenge(w, "Credentials needed")
		return
	case !g.reads:
		lfsRefuse(w, http.StatusNotFound, "Not Found")
		return
	}
	switch {
	case r.Method == http.MethodPost && rest == "objects/batch":
		s.lfsBatch(w, r, g)
	case g.login == "":
		lfsChallenge(w, "Credentials needed")
	case r.Method == http.MethodGet && rest == "locks":
		lfsAnswer(w, http.StatusOK, lfsObject{"locks": s.lfsLocks(g.repo, r.URL.Query().Get("path"))})
	case !g.writes:
		lfsRefuse(w, http.StatusForbidden, "You must have push access to verify locks")
	case r.Method == http.MethodPost && rest == "locks/verify":
		ours, theirs := []lfsLock{}, []lfsLock{}
		for _, lock := range s.lfsLocks(g.repo, "") {
			if lock.Owner.Name == g.login {
				ours = append(ours, lock)
			} else {
				theirs = append(theirs, lock)
			}
		}
		lfsAnswer(w, http.StatusOK, lfsObject{"ours": ours, "theirs": theirs})
	case r.Method == http.MethodPost && rest == "locks":
		s.lfsMakeLock(w, r, g)
	case r.Method == http.MethodPost && strings.HasPrefix(rest, "locks/") && strings.HasSuffix(rest, "/unlock"):
		s.lfsUnlock(w, g, strings.TrimSuffix(strings.TrimPrefix(rest, "locks/"), "/unlock"))
	default:
		lfsRefuse(w, http.StatusNotFound, "Not Found")
	}
}

// lfsBatch says where objects are to be had, or to be put.
func (s *Server) lfsBatch(w http.ResponseWriter, r *http.Request, g gitAccess) {
	var asked struct {
		Operation string `json:"operation"`
		Objects   []struct {
			OID  string `json:"oid"`
			Size int64  `json:"size"`
		} `json:"objects"`
	}
	if json.NewDecoder(r.Body).Decode(&asked) != nil {
		lfsRefuse(w, http.StatusUnprocessableEntity, "Invalid batch")
		return
	}
	uploads := asked.Operation == "upload"
	switch {
	case uploads && g.login == "":
		lfsChallenge(w, "Credentials needed")
		return
	case uploads && !g.writes:
		lfsRefuse(w, http.StatusForbidden, "Permission to "+g.repo.fullName()+".git denied to "+g.login+".")
		return
	}
	var objects []lfsObject
	for _, o := range asked.Objects {
		one := lfsObject{"oid": o.OID, "size": o.Size}
		has := s.lfsFile(g.repo, o.OID) != ""
		switch {
		case uploads && !has:
			one["actions"] = s.lfsUpload(g.repo, o.OID)
		case !uploads && has:
			one["authenticated"] = true
			one["actions"] = lfsObject{"download": lfsObject{"href": s.lfsURL(g.repo, o.OID), "expires_in": int(lfsSignedFor.Seconds())}}
		case !uploads:
			one["error"] = lfsObject{"code": http.StatusNotFound, "message": "Object does not exist on the server"}
		}
		objects = append(objects, one)
	}
	lfsAnswer(w, http.StatusOK, lfsObject{"transfer": "basic", "objects": objects})
}

func (s *Server) lfsFile(r *repo, oid string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.lfs.objects[oid]
}

// lfsLocks are those of a path, of all for "".
func (s *Server) lfsLocks(r *repo, path string) []lfsLock {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.lfs.locks), func(l lfsLock) bool { return path != "" && l.Path != path })
}

func (s *Server) lfsMakeLock(w http.ResponseWriter, r *http.Request, g gitAccess) {
	var asked struct {
		Path string `json:"path"`
	}
	if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Path == "" {
		lfsRefuse(w, http.StatusUnprocessableEntity, "Invalid lock")
		return
	}
	lock, made := s.lfsTakeLock(g, asked.Path)
	if !made {
		lfsAnswer(w, http.StatusConflict, lfsObject{"lock": lock, "message": "already created lock"})
		return
	}
	lfsAnswer(w, http.StatusCreated, lfsObject{"lock": lock})
}

// lfsTakeLock locks a path, unless somebody has.
func (s *Server) lfsTakeLock(g gitAccess, path string) (lock lfsLock, made bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lock := range g.repo.lfs.locks {
		if lock.Path == path {
			return lock, false
		}
	}
	s.lastID++
	lock = lfsLock{strconv.Itoa(s.lastID), path, s.now().UTC().Format(time.RFC3339), lfsOwner{g.login}}
	g.repo.lfs.locks = append(g.repo.lfs.locks, lock)
	return lock, true
}

func (s *Server) lfsUnlock(w http.ResponseWriter, g gitAccess, id string) {
	var lock *lfsLock
	s.mu.Lock()
	g.repo.lfs.locks = slices.DeleteFunc(g.repo.lfs.locks, func(l lfsLock) bool {
		if l.ID == id {
			lock = &l
		}
		return l.ID == id
	})
	s.mu.Unlock()
	if lock == nil {
		lfsRefuse(w, http.StatusNotFound, "Not Found")
		return
	}
	lfsAnswer(w, http.StatusOK, lfsObject{"lock": lock})
}

func lfsChallenge(w http.ResponseWriter, text string) {
	w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
	w.Header().Set("LFS-Authenticate", `Basic realm="GitHub"`)
	lfsRefuse(w, http.StatusUnauthorized, text)
}

func lfsRefuse(w http.ResponseWriter, status int, text string) {
	lfsAnswer(w, status, lfsObject{"message": text, "documentation_url": "https://support.github.com/contact"})
}

func lfsAnswer(w http.ResponseWriter, status int, body lfsObject) {
	w.Header().Set("Content-Type", typeLFS)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// lfsQuery signs an address of an object's, for a use of it.
func (s *Server) lfsQuery(r *repo, use, oid string) url.Values {
	until := strconv.FormatInt(s.now().Add(lfsSignedFor).Unix(), 10)
	return url.Values{
		"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Expires": {until},
		"X-Amz-Signature": {s.signature("lfs "+use, r.id, oid+" "+until)},
	}
}
