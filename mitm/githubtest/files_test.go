package githubtest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// names are the files in an archive.
func names(t *testing.T, kind, archive string) []string {
	t.Helper()
	var found []string
	if kind == "zip" {
		reader, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range reader.File {
			found = append(found, file.Name)
		}
		return found
	}
	unzipped, err := gzip.NewReader(strings.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	reader := tar.NewReader(unzipped)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeXGlobalHeader {
			found = append(found, header.Name)
		}
	}
}

// The API sends archives to codeload: to a plain URL for public repositories, to
// one with a token of its own for private ones. No credential is needed there.
func TestArchives(t *testing.T) {
	s := start(t)
	for _, tt := range []struct {
		from, kind, location, folder string
	}{
		{"https://api.github.com/repos/acme/web/tarball/main", "tar", "https://codeload.github.com/acme/web/legacy.tar.gz/main", "acme-web-" + shaOf(s, "acme/web", "main")[:7]},
		{"https://api.github.com/repos/acme/web/zipball", "zip", "https://codeload.github.com/acme/web/legacy.zip/refs/heads/main", "acme-web-" + shaOf(s, "acme/web", "main")[:7]},
		{"https://github.com/acme/web/archive/refs/heads/main.tar.gz", "tar", "https://codeload.github.com/acme/web/tar.gz/refs/heads/main", "web-main"},
		{"https://github.com/acme/web/archive/main.zip", "zip", "https://codeload.github.com/acme/web/zip/main", "web-main"},
		{"https://api.github.com/repos/acme/api/tarball/main", "tar", "https://codeload.github.com/acme/api/legacy.tar.gz/main?token=", "acme-api-" + shaOf(s, "acme/api", "main")[:7]},
	} {
		private := strings.HasSuffix(tt.location, "token=")
		got := ask(t, s, "GET", tt.from, "", "Authorization", basic("x", "ghp_bot"))
		location := got.Header.Get("Location")
		if got.StatusCode != 302 || !strings.HasPrefix(location, tt.location) || !private && location != tt.location {
			t.Errorf("%s: %d %s", tt.from, got.StatusCode, location)
			continue
		}
		archive := ask(t, s, "GET", location, "")
		if files := names(t, tt.kind, archive.body); !slices.Equal(files, []string{tt.folder + "/", tt.folder + "/README.md"}) {
			t.Errorf("%s: %v", tt.from, files)
		}
		if bare, _, found := strings.Cut(location, "?"); found {
			if got := ask(t, s, "GET", bare, ""); got.StatusCode != 404 {
				t.Errorf("%s without its token: %d", tt.from, got.StatusCode)
			}
			if got := ask(t, s, "GET", location+"x", ""); got.StatusCode != 404 {
				t.Errorf("%s with another token: %d", tt.from, got.StatusCode)
			}
		}
	}
}

// Raw files are public as their repository is; a private one opens to a
// credential or to the token in the URL that the API hands out.
func TestRawFiles(t *testing.T) {
	s := start(t)
	s.WriteFile("acme/api", "docs/a b.txt", "hello\n")
	const raw = "https://raw.githubusercontent.com/"
	download := between(get(t, s, "/repos/acme/api/contents/docs/a%20b.txt", "Authorization", asBot).body, `"download_url":"`, `"`)
	for _, tt := range []struct {
		url, authorization string
		status             int
		body               string
	}{
		{raw + "acme/web/main/README.md", "", 200, "# web\n\nThe web of acme\n"},
		{raw + "acme/web/refs/heads/main/README.md", "", 200, "# web\n\nThe web of acme\n"},
		{raw + "acme/web/" + shaOf(s, "acme/web", "main") + "/README.md", "", 200, "# web\n\nThe web of acme\n"},
		{raw + "acme/web/main/none", "", 404, "404: Not Found\n"},
		{raw + "acme/api/main/docs/a%20b.txt", "", 404, "404: Not Found\n"},
		{raw + "acme/api/main/docs/a%20b.txt", "token github_pat_hubot", 404, "404: Not Found\n"},
		{raw + "acme/api/main/docs/a%20b.txt", asBot, 200, "hello\n"},
		{download, "", 200, "hello\n"},
		{download + "x", "", 404, "404: Not Found\n"},
	} {
		var headers []string
		if tt.authorization != "" {
			headers = []string{"Authorization", tt.authorization}
		}
		if got := ask(t, s, "GET", tt.url, "", headers...); got.StatusCode != tt.status || got.body != tt.body {
			t.Errorf("%s as %q: %d %s", tt.url, tt.authorization, got.StatusCode, got.body)
		}
	}
	page := ask(t, s, "GET", "https://github.com/acme/web/raw/main/README.md", "")
	if page.StatusCode != 302 || page.Header.Get("Location") != raw+"acme/web/main/README.md" {
		t.Errorf("from the web site: %d %s", page.StatusCode, page.Header.Get("Location"))
	}
}

// Assets are on a host of their own, under URLs that are all the credential
// there is: another beside it is refused, and they soon end.
func TestSignedAssets(t *testing.T) {
	now := &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	s := start(t, WithClock(now.Now))
	s.AddRelease("acme/api", "v1", map[string][]byte{"a.bin": []byte("\x00hello")})
	release := get(t, s, "/repos/acme/api/releases/tags/v1", "Authorization", asBot).body
	api := strings.TrimPrefix(between(release, `"assets":[{"url":"`, `"`), "https://api.github.com")
	redirect := get(t, s, api, "Authorization", asBot, "Accept", "application/octet-stream")
	location := redirect.Header.Get("Location")
	signed, err := url.Parse(location)
	if err != nil || redirect.StatusCode != 302 || signed.Host != "release-assets.githubusercontent.com" {
		t.Fatalf("%d %s", redirect.StatusCode, location)
	}
	if got := ask(t, s, "GET", location, ""); got.StatusCode != 200 || got.body != "\x00hello" || got.Header.Get("Content-Disposition") != "attachment; filename=a.bin" {
		t.Errorf("%d %q %v", got.StatusCode, got.body, got.Header)
	}
	if got := ask(t, s, "GET", location, "", "Range", "bytes=1-2"); got.StatusCode != 206 || got.body != "he" {
		t.Errorf("a part: %d %q", got.StatusCode, got.body)
	}
	if got := ask(t, s, "GET", location, "", "Authorization", asBot); got.StatusCode != 400 {
		t.Errorf("with a credential beside: %d", got.StatusCode)
	}
	if got := ask(t, s, "GET", strings.Replace(location, "sig=", "sig=0", 1), ""); got.StatusCode != 403 {
		t.Errorf("with another signature: %d", got.StatusCode)
	}
	if got := ask(t, s, "GET", "https://github.com/acme/api/releases/download/v1/a.bin", ""); got.StatusCode != 404 {
		t.Errorf("private, from the web site: %d", got.StatusCode)
	}
	asJSON := get(t, s, api, "Authorization", asBot)
	if !strings.Contains(asJSON.body, `"name":"a.bin"`) || !strings.Contains(asJSON.body, `"download_count":1`) {
		t.Errorf("as JSON: %s", asJSON.body)
	}
	now.advance(signedFor)
	if got := ask(t, s, "GET", location, ""); got.StatusCode != 403 {
		t.Errorf("later: %d", got.StatusCode)
	}
}

// An upload is answered like the asset it makes, by another host, in other headers.
func TestUploads(t *testing.T) {
	s := start(t)
	s.AddRelease("acme/web", "v1", nil)
	release := get(t, s, "/repos/acme/web/releases/tags/v1", "Authorization", asBot).body
	target, _, _ := strings.Cut(between(release, `"upload_url":"`, `"`), "{")
	if !strings.HasPrefix(target, "https://uploads.github.com/repos/acme/web/releases/") {
		t.Fatal(target)
	}
	content := string(bytes.Repeat([]byte{0, 255}, 3<<20))
	got := ask(t, s, "POST", target+"?name=a.bin&label=A", content, "Authorization", asBot, "Content-Type", "application/x-thing")
	if got.StatusCode != 201 || !strings.Contains(got.body, `"digest":"sha256:`+digest(content)+`"`) || !strings.Contains(got.body, `"content_type":"application/x-thing"`) {
		t.Fatalf("%d %s", got.StatusCode, got.body)
	}
	asset := get(t, s, strings.TrimPrefix(between(got.body, `"url":"`, `"`), "https://api.github.com"), "Authorization", asBot)
	if asset.body != got.body || asset.Header.Get("ETag") != got.Header.Get("ETag") || got.Header.Get("Cache-Control") != "no-cache" || len(got.Header["Vary"]) != 1 {
		t.Errorf("uploaded %v %s\nread %v %s", got.Header, got.body, asset.Header, asset.body)
	}
	for _, tt := range []struct {
		name, url, authorization string
		status                   int
	}{
		{"a name twice", target + "?name=a.bin", asBot, 422},
		{"no name", target, asBot, 422},
		{"no release", "https://uploads.github.com/repos/acme/web/releases/1/assets?name=b", asBot, 404},
		{"a private repository of others", "https://uploads.github.com/repos/acme/api/releases/1/assets?name=b", "token github_pat_hubot", 404},
		{"not allowed", target + "?name=b", "token github_pat_hubot", 403},
		{"a bad token", target + "?name=b", "token ghp_wrong", 401},
	} {
		if got := ask(t, s, http.MethodPost, tt.url, "x", "Authorization", tt.authorization); got.StatusCode != tt.status {
			t.Errorf("%s: %d %s", tt.name, got.StatusCode, got.body)
		}
	}
	if got := ask(t, s, http.MethodPost, target+"?name=b", "x"); got.StatusCode != 401 {
		t.Errorf("anonymous: %d", got.StatusCode)
	}
}
