package githubtest

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// jwtAhead is how far ahead of GitHub's clock a JWT's end may be (documented). A second
// more is refused (observed).
const jwtAhead = 10 * time.Minute

// What is wrong with a JWT, in the words observed.
const (
	jwtUndecodable = "A JSON web token could not be decoded"
	jwtIssuedAt    = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
	jwtExpired     = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
	jwtTooFar      = "'Expiration time' claim ('exp') is too far in the future"
	jwtUnknownApp  = "Integration not found"
)

// JWT proves the App to GitHub as GitHub's documentation says to: issued a
// minute ago, for nine minutes from now, by the server's clock.
func (a *App) JWT() string {
	now := a.s.now().Unix()
	return a.signJWT(jwtHead, map[string]any{"iss": a.clientID, "iat": now - 60, "exp": now + 540})
}

const jwtHead = `{"alg":"RS256","typ":"JWT"}`

// signJWT makes a JWT of any head and claims, signed as RS256 has it whatever they say.
func (a *App) signJWT(head string, claims map[string]any) string {
	signed := base64url([]byte(head)) + "." + base64url(marshal(claims))
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, digest[:])
	if err != nil {
		panic(fmt.Sprintf("githubtest: %v", err))
	}
	return signed + "." + base64url(signature)
}

func base64url(plain []byte) string { return base64.RawURLEncoding.EncodeToString(plain) }

// looksLikeJWT tells an App's JWT from a token that merely contains one.
func looksLikeJWT(text string) bool {
	return strings.HasPrefix(text, "ey") && strings.Count(text, ".") == 2
}

// verifyJWT finds the App that a JWT proves. Who is asked for comes before what is
// signed, since the key is the App's. The caller holds s.mu.
func (s *Server) verifyJWT(text string) (*App, *answer) {
	unauthorized := func(message string) (*App, *answer) { return nil, refuse(http.StatusUnauthorized, message, docREST) }
	parts := strings.Split(text, ".")
	var head struct{ Alg string }
	var claims struct{ Iss, Iat, Exp any }
	if len(parts) != 3 || !decodeJWTPart(parts[0], &head) || head.Alg != "RS256" || !decodeJWTPart(parts[1], &claims) {
		return unauthorized(jwtUndecodable)
	}
	app := s.appIssuing(claims.Iss)
	if app == nil {
		return nil, refuse(http.StatusNotFound, jwtUnknownApp, docREST)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&app.key.PublicKey, crypto.SHA256, digest[:], signature) != nil {
		return unauthorized(jwtUndecodable)
	}
	now := s.now()
	exp, isNumber := wholeSeconds(claims.Exp)
	iat, isIssued := wholeSeconds(claims.Iat)
	switch {
	case !isNumber || exp <= now.Unix():
		return unauthorized(jwtExpired)
	case exp > now.Add(jwtAhead).Unix():
		return unauthorized(jwtTooFar)
	case !isIssued || iat > now.Unix():
		return unauthorized(jwtIssuedAt)
	}
	return app, nil
}

func decodeJWTPart(part string, into any) bool {
	plain, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(plain))
	decoder.UseNumber()
	return decoder.Decode(into) == nil
}

// wholeSeconds reads a date of a claim. Fractions are refused (observed).
func wholeSeconds(claim any) (int64, bool) {
	number, is := claim.(json.Number)
	if !is {
		return 0, false
	}
	seconds, err := number.Int64()
	return seconds, err == nil
}

// appIssuing is the App that a JWT's iss names by client id or App id, which may be a
// number or a text.
func (w *world) appIssuing(iss any) *App {
	name := fmt.Sprint(iss)
	for _, a := range w.apps {
		if name == a.clientID || name == strconv.Itoa(a.id) {
			return a
		}
	}
	return nil
}
