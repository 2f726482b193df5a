package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// writerDir is the variable that makes the test binary a writer (see TestMain).
const writerDir = "STORE_TEST_WRITER_DIR"

// Writers put body 0, 1, 2, … round and round the same keys.
const writerKeys = 200

func writerKey(i int) Key { return Key{Path: "/" + strconv.Itoa(i%writerKeys)} }

// writerBody is 0 to 64 KiB of noise that nothing but i determines.
func writerBody(i int) []byte {
	noise := rand.NewChaCha8(sha256.Sum256([]byte(strconv.Itoa(i))))
	body := make([]byte, 8+noise.Uint64()%(64<<10))
	_, _ = noise.Read(body[8:]) // never fails
	binary.BigEndian.PutUint64(body, uint64(i))
	return body
}

func writeForever(dir string) {
	s, err := OpenBadger(dir, time.Hour, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	first, _ := strconv.Atoi(os.Getenv(writerDir + "_FIRST"))
	for i := first; ; i++ {
		body := writerBody(i)
		r := answer(string(body), noon.Add(time.Duration(i)*time.Second))
		s.Put(writerKey(i), r, body)
		if i%3 == 0 {
			s.Touch(writerKey(i), r)
		}
		fmt.Println(i) // not buffered: what is printed was acknowledged
	}
}

// A process killed while it writes leaves a store that opens as it is, has
// everything the process had been told was stored, and nothing that is wrong.
func TestKilledWhileWriting(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	next := 0
	for round := range 5 {
		last := killWriter(t, dir, next, 1+rand.IntN(400))
		s := openBadger(t, dir)
		if broken, _ := filepath.Glob(dir + ".broken-*"); broken != nil {
			t.Fatalf("round %d: the store was moved aside", round)
		}
		found := 0
		for i := max(0, last-3*writerKeys); i <= last; i++ {
			r := viewOf(s, writerKey(i), sha256.Sum256(writerBody(i)))
			if i > last-MaxViews*writerKeys/2 && r == nil {
				t.Fatalf("round %d: body %d of %d was acknowledged and is lost", round, i, last)
			}
			if r != nil {
				found++
			}
		}
		for i := range writerKeys {
			for _, r := range s.Lookup(writerKey(i)) {
				body, ok := s.Body(writerKey(i), &r)
				if !ok {
					t.Errorf("round %d: a view of key %d has no body", round, i)
				}
				if sha256.Sum256(body) != r.Body || int(binary.BigEndian.Uint64(body))%writerKeys != i {
					t.Errorf("round %d: key %d was given a wrong body", round, i)
				}
			}
		}
		if found == 0 || s.Stats().Errors != 0 {
			t.Errorf("round %d: %d found, %+v", round, found, s.Stats())
		}
		if err := s.Close(); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		next = last + 1
	}
}

// killWriter starts a writer, kills it once it has acknowledged n writes and
// returns the last write it acknowledged.
func killWriter(t *testing.T, dir string, first, n int) (last int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerDir+"="+dir, fmt.Sprintf("%s_FIRST=%d", writerDir, first))
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last = -1
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); seen++ {
		if seen == n {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Error(err)
		}
	}
	if err := cmd.Wait(); err == nil || complaint.Len() > 0 || last < first {
		t.Fatalf("writer from %d: %v after %d: %s", first, err, last, complaint.String())
	}
	return last
}

func viewOf(s Store, k Key, d Digest) *Representation {
	for _, r := range s.Lookup(k) {
		if r.Body == d {
			return &r
		}
	}
	return nil
}
