package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLogIsJSONInSeconds(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	NewLog(file).Info("request", "took", 1500*time.Microsecond, "status", 200)
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	if want := `"level":"INFO","msg":"request","took":0.0015,"status":200}`; !strings.Contains(string(text), want) {
		t.Errorf("got %s, want %s", text, want)
	}
}
