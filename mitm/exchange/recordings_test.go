package exchange

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"octopool/store"
)

// recordings are answers of the real GitHub (see testdata/README.md).
const recordings = "testdata/etags.jsonl"

// A recording is one answer of the real GitHub.
type recording struct {
	Date    string
	URL     string
	Accept  string
	AppJWT  bool `json:"app_jwt"`
	ETag    string
	Vary    string
	Follows bool `json:"formula_holds"`
	Body    string
}

func readRecordings(t *testing.T) []recording {
	t.Helper()
	file, err := os.Open(recordings)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []recording
	for lines := json.NewDecoder(file); ; {
		var r recording
		switch err := lines.Decode(&r); {
		case err == io.EOF:
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, r)
	}
}

// What is known of GitHub's entity tags is true of its recorded answers: all JSON since
// 2023 follows the formula, and so did the JSON of 2021 but for a repository; diffs,
// patches and contents never do, and only they are taken for known exceptions.
func TestRealETags(t *testing.T) {
	seen := map[string]int{}
	for _, r := range readRecordings(t) {
		kind, follows := r.kind(t)
		seen[kind]++
		at, err := url.Parse(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		// A request without a token had no Authorization. One with a JWT had, and the
		// answer's Vary does not name it, so what it was makes no difference.
		authorization := ""
		if r.AppJWT {
			authorization = "Bearer of.some.jwt"
		}
		x := New(Config{})
		key := store.Key{Host: at.Host, Path: at.EscapedPath(), Accept: r.Accept}
		got := x.check(key, r.ETag, formulaOf([]string{r.Vary}).etag(r.Accept, authorization, []byte(r.Body)))
		if got != follows || got != r.Follows {
			t.Errorf("%s, %s, %s as %s: the formula gives its ETag: %v", kind, r.Date, r.URL, r.Accept, got)
		}
		held, failed := x.FormulaChecks()
		alarm := kind == "a repository of 2021"
		if (held == 1) != follows || (failed == 1) != alarm || held+failed > 1 {
			t.Errorf("%s, %s: counted as %d that hold and %d that fail", kind, r.URL, held, failed)
		}
	}
	for _, kind := range []string{"JSON since 2023", "JSON of 2021", "for an App", "a repository of 2021", "a diff or patch", "contents"} {
		if seen[kind] == 0 {
			t.Errorf("no recording is %s", kind)
		}
	}
}

// kind says what a recording is an example of, and whether such answers follow the
// formula.
func (r recording) kind(t *testing.T) (kind string, follows bool) {
	t.Helper()
	date, err := http.ParseTime(r.Date)
	if err != nil {
		t.Fatal(err)
	}
	var repository struct {
		FullName string `json:"full_name"`
	}
	if json.Unmarshal([]byte(r.Body), &repository) != nil {
		repository.FullName = "" // a list
	}
	switch before2023 := date.Before(time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)); {
	case strings.HasSuffix(r.Accept, ".diff"), strings.HasSuffix(r.Accept, ".patch"):
		return "a diff or patch", false
	case strings.Contains(r.URL, "/contents/"):
		return "contents", false
	case r.AppJWT:
		return "for an App", true
	case before2023 && repository.FullName != "":
		return "a repository of 2021", false
	case before2023:
		return "JSON of 2021", true
	}
	return "JSON since 2023", true
}

// The ETag of contents is the id of the git object, which is why it tells neither
// credentials nor media types apart.
func TestRealETagOfContents(t *testing.T) {
	for _, r := range readRecordings(t) {
		if !strings.Contains(r.URL, "/contents/") {
			continue
		}
		var file struct{ SHA string }
		if err := json.Unmarshal([]byte(r.Body), &file); err != nil {
			t.Fatal(err)
		}
		if opaqueTag(r.ETag) != file.SHA || len(file.SHA) != 40 {
			t.Errorf("%s: the ETag is %s and the object %s", r.URL, r.ETag, file.SHA)
		}
	}
}
