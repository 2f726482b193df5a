package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// page is the dashboard: what a browser runs and shows, as it is.
//
//go:embed page
var page embed.FS

// policies are the headers of everything a browser shows. Nothing comes from elsewhere or
// from within the page's text, and no other site may frame it.
func policies(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "+
		"frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin") // with less, forms have no Origin, which tells whose they are
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// dashboard serves the page, and the way to it where there is a token. Scripts and styles
// are the same for everybody, and are no secret.
func (c Config) dashboard(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", c.index)
	mux.HandleFunc("GET /login", c.showLogin)
	mux.HandleFunc("POST /login", c.login)
	mux.HandleFunc("POST /logout", c.logout)
	for _, pattern := range []string{"page/*.js", "page/*.css"} {
		names, err := fs.Glob(page, pattern)
		if err != nil {
			panic(err) // a bug: the pattern is ours
		}
		for _, name := range names {
			mux.Handle("GET /"+path.Base(name), asset(name))
		}
	}
}

// asset serves a file of the page. It is asked for each time, and sent when it has changed.
func asset(name string) http.HandlerFunc {
	text, err := page.ReadFile(name)
	if err != nil {
		panic(err) // a bug: it was listed
	}
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256(text))
	return func(w http.ResponseWriter, r *http.Request) {
		policies(w.Header())
		w.Header().Set("Etag", etag)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
	}
}

// index is the page for who may see it, and the way to log in for who may not.
func (c Config) index(w http.ResponseWriter, r *http.Request) {
	if !c.Token.IsZero() && !c.allows(r) {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	c.guard(func(w http.ResponseWriter, _ *http.Request) { show(w, http.StatusOK, "index.html", !c.Token.IsZero()) })(w, r)
}

// texts are the pages that differ: the dot of index.html is whether there is a session to
// end, that of login.html whether a wrong token was sent.
var texts = template.Must(template.ParseFS(page, "page/*.html"))

func show(w http.ResponseWriter, status int, name string, dot bool) {
	policies(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	texts.ExecuteTemplate(w, name, dot) // an error is the reader's, who has left
}

func (c Config) showLogin(w http.ResponseWriter, r *http.Request) {
	if c.Token.IsZero() || c.allows(r) {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	show(w, http.StatusOK, "login.html", false)
}

// login begins a session for who sends the token.
func (c Config) login(w http.ResponseWriter, r *http.Request) {
	if isOthers(r) {
		http.Error(w, "another site's page asks for this", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if !c.isToken(r.PostFormValue("token")) {
		show(w, http.StatusUnauthorized, "login.html", true)
		return
	}
	http.SetCookie(w, cookie(r, c.sessions.begin(time.Now()), sessionTime))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// logout ends the session.
func (c Config) logout(w http.ResponseWriter, r *http.Request) {
	if isOthers(r) {
		http.Error(w, "another site's page asks for this", http.StatusForbidden)
		return
	}
	c.sessions.end(r)
	http.SetCookie(w, cookie(r, "", 0))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
