package githubtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// lfsSignedFor is how long an address from a batch works (observed: X-Amz-Expires=3600).
const lfsSignedFor = time.Hour

// lfsURL is where an object is to be had. The address is the whole credential.
func (s *Server) lfsURL(r *repo, oid string) string {
	return "https://" + hostLFSStorage + "/alambic/media/" + strconv.Itoa(r.id) + "/" + oid + "?" + s.lfsQuery(r, "download", oid).Encode()
}

// lfsUpload is where an object is to be put, and where that is to be confirmed. Both come
// with an Authorization of their own, which is no token.
func (s *Server) lfsUpload(r *repo, oid string) lfsObject {
	return lfsObject{
		"upload": lfsObject{
			"href":       "https://" + hostLFSStorage + "/alambic/media/" + strconv.Itoa(r.id) + "/" + oid,
			"header":     lfsObject{"Authorization": s.lfsAuthorization("AWS4-HMAC-SHA256 Signature=", "upload", r.id, oid), "x-amz-content-sha256": oid},
			"expires_in": int(lfsSignedFor.Seconds()),
		},
		"verify": lfsObject{
			"href":       "https://" + hostLFS + "/" + r.fullName() + "/verify",
			"header":     lfsObject{"Authorization": s.lfsAuthorization("RemoteAuth ", "verify", r.id, oid), "Accept": typeLFS},
			"expires_in": int(lfsSignedFor.Seconds()),
		},
	}
}

func (s *Server) lfsAuthorization(scheme, use string, repo int, oid string) string {
	return scheme + s.signature("lfs "+use, repo, oid)
}

// serveLFSStorage plays the storage behind Git LFS.
func (s *Server) serveLFSStorage(w http.ResponseWriter, r *http.Request) {
	segments := strings.Split(r.URL.Path, "/") // "", alambic, media, REPO, OID
	if len(segments) != 5 {
		storageRefuses(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	id, _ := strconv.Atoi(segments[3])
	oid := segments[4]
	s.mu.Lock()
	rp := s.byID[id]
	s.mu.Unlock()
	if rp == nil {
		storageRefuses(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.lfsSend(w, r, rp, oid)
	case http.MethodPut:
		if r.Header.Get("Authorization") != s.lfsAuthorization("AWS4-HMAC-SHA256 Signature=", "upload", id, oid) {
			storageRefuses(w, http.StatusForbidden, "SignatureDoesNotMatch")
			return
		}
		if !s.lfsTake(r, rp, oid) {
			storageRefuses(w, http.StatusBadRequest, "XAmzContentSHA256Mismatch")
			return
		}
		w.WriteHeader(http.StatusOK)
	default:
		storageRefuses(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
	}
}

func (s *Server) lfsSend(w http.ResponseWriter, r *http.Request, rp *repo, oid string) {
	query := r.URL.Query()
	until, _ := strconv.ParseInt(query.Get("X-Amz-Expires"), 10, 64)
	signed := query.Get("X-Amz-Signature") == s.signature("lfs download", rp.id, oid+" "+query.Get("X-Amz-Expires"))
	switch {
	case r.Header.Get("Authorization") != "":
		storageRefuses(w, http.StatusBadRequest, "InvalidArgument: Only one auth mechanism allowed")
	case !signed || s.now().Unix() >= until:
		storageRefuses(w, http.StatusForbidden, "SignatureDoesNotMatch")
	default:
		http.ServeFile(w, r, s.lfsFile(rp, oid))
	}
}

// lfsTake keeps an object, and reports whether it is what its id says.
func (s *Server) lfsTake(r *http.Request, rp *repo, oid string) bool {
	s.mu.Lock()
	s.flush(rp) // so that there is a folder
	dir := filepath.Join(s.gitRoot, ".lfs")
	s.mu.Unlock()
	if os.MkdirAll(dir, 0o755) != nil {
		panic("githubtest: no folder for LFS objects")
	}
	file, err := os.CreateTemp(dir, "")
	if err != nil {
		panic("githubtest: " + err.Error())
	}
	defer file.Close()
	digest := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, digest), r.Body)
	if err != nil || hex.EncodeToString(digest.Sum(nil)) != oid {
		os.Remove(file.Name())
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rp.lfs.objects == nil {
		rp.lfs.objects = map[string]string{}
	}
	rp.lfs.objects[oid] = file.Name()
	return true
}

// serveLFSVerify plays lfs.github.com, which is told of uploads.
func (s *Server) serveLFSVerify(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		OID  string `json:"oid"`
		Size int64  `json:"size"`
	}
	s.mu.Lock()
	rp := s.repos[strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/verify"))]
	s.mu.Unlock()
	if rp == nil || r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&asked) != nil {
		lfsRefuse(w, http.StatusNotFound, "Not Found")
		return
	}
	if r.Header.Get("Authorization") != s.lfsAuthorization("RemoteAuth ", "verify", rp.id, asked.OID) {
		lfsRefuse(w, http.StatusForbidden, "Bad credentials")
		return
	}
	if info, err := os.Stat(s.lfsFile(rp, asked.OID)); err != nil || info.Size() != asked.Size {
		lfsRefuse(w, http.StatusUnprocessableEntity, "Object does not exist on the server")
		return
	}
	lfsAnswer(w, http.StatusOK, lfsObject{})
}

func storageRefuses(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	io.WriteString(w, "<?xml version=\"1.0\"?><Error><Code>"+code+"</Code></Error>")
}
