package policy

import (
	"encoding/json"
	"testing"
)

// A batch is a read only when nobody could take it for anything else.
func TestBatch(t *testing.T) {
	web := Origin{GitHub: "github.com", Host: "github.com", Role: RoleWeb}
	r, err := Read(web, "POST", "/acme/web.git/info/lfs/objects/batch", "")
	if err != nil || !r.IsBatch() {
		t.Fatalf("%v, %v", r, err)
	}
	for body, write := range map[string]bool{
		`{"operation":"download","objects":[]}`:                             false,
		` {"objects": [{"operation":"upload"}], "operation" : "download"} `: false,
		`{"operation":"upload"}`:                                            true,
		`{"operation":"download","operation":"upload"}`:                     true,
		`{"operation":"upload","operation":"download"}`:                     true,
		`{"operation":"download","Operation":"upload"}`:                     true,
		`{"Operation":"download"}`:                                          true,
		`{"\u006fperation":"upload","operation":"download"}`:                true,
		`{"operation":"down\u006coad"}`:                                     true, // nobody writes so
		`{"operation":"download"}{"operation":"upload"}`:                    true,
		`{"operation":["download"]}`:                                        true,
		`{"operation":"download"`:                                           true,
		`[{"operation":"download"}]`:                                        true,
		`{}`:                                                                true,
		``:                                                                  true,
	} {
		if got := r.Batch([]byte(body)); got.Write != write {
			t.Errorf("%s: write is %v", body, got.Write)
		}
	}
	for _, path := range []string{"/acme/web.git/info/lfs/locks", "/acme/web.git/git-upload-pack", "/acme/web.git/info/lfs/objects/batch/x", "/objects/batch"} {
		if r, err := Read(web, "POST", path, ""); err != nil || r.IsBatch() {
			t.Errorf("%s: %v, %v", path, r.IsBatch(), err)
		}
	}
}

// What counts as a read, the standard library reads as a download in every spelling.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(`{"operation":"download","operation":"upload"}`))
	f.Add([]byte(`{"operation":"download","objects":[{"oid":"x","size":1}]}`))
	f.Add([]byte(`{"operation":"download"} {`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if !downloads(body) {
			return
		}
		var folded struct {
			Operation string `json:"operation"`
		}
		var exact map[string]any
		if json.Unmarshal(body, &folded) != nil || json.Unmarshal(body, &exact) != nil || folded.Operation != "download" || exact["operation"] != "download" {
			t.Errorf("%q is taken for a download", body)
		}
	})
}
