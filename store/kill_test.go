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

// writeForever writes until it is killed, and says so: "put 7" when it has asked the store
// to keep that body, "kept 7" when all up to it are said to be written. It settles more
// seldom than the store has writes under way, so that a kill finds it amid writes. When it
// is told to put only so many bodies it does not wait for any, and then does nothing.
func writeForever(dir string) {
	s, err := OpenBadger(dir, BadgerOptions{TTL: time.Hour, MaxBytes: 64 << 20})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	first, _ := strconv.Atoi(os.Getenv(writerDir + "_FIRST"))
	only, err := strconv.Atoi(os.Getenv(writerDir + "_ONLY"))
	for i := first; ; i++ {
		if err == nil && i == first+only {
			select {}
		}
		body := writerBody(i)
		r := answer(string(body), noon.Add(time.Duration(i)*time.Second))
		s.Put(writerKey(i), r, body)
		if i%3 == 0 {
			s.Touch(writerKey(i), r)
		}
		fmt.Println("put", i) // not buffered
		if i%20 == 0 && err != nil {
			s.outbox.settle()
			fmt.Println("kept", i)
		}
	}
}

// kills is how many processes TestKilledWhileWriting kills, unless the variable
// STORE_TEST_KILLS says otherwise.
const kills = 15

// A process killed while it writes, also while it opens the store or makes room in it,
// leaves a store that opens as it is, has everything that was written, and nothing that
// is wrong.
func TestKilledWhileWriting(t *testing.T) {
	rounds := kills
	if n, err := strconv.Atoi(os.Getenv("STORE_TEST_KILLS")); err == nil {
		rounds = n
	}
	dir := filepath.Join(t.TempDir(), "store")
	next, lost := 0, 0
	written := make(map[int]bool) // bodies that cannot be lost any more
	for round := range rounds {
		put, kept := killWriter(t, dir, next, rand.N(100*time.Millisecond))
		s := openBadger(t, dir)
		if broken, _ := filepath.Glob(dir + ".broken-*"); broken != nil {
			t.Fatalf("round %d: the store was moved aside", round)
		}
		for i := max(0, put-MaxViews*writerKeys/2); i <= put; i++ {
			found := viewOf(s, writerKey(i), sha256.Sum256(writerBody(i))) != nil
			if (written[i] || next <= i && i <= kept) && !found {
				t.Fatalf("round %d: body %d of %d was written and is lost", round, i, put)
			}
			if i >= next && !found {
				lost++
			}
			written[i] = found
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
		if s.Stats().Errors != 0 {
			t.Errorf("round %d: %+v", round, s.Stats())
		}
		if err := s.Close(); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		next = put + 1
	}
	t.Logf("%d kills, %d bodies put, of which %d had not been written", rounds, next, lost)
}

// killWriter starts a writer, kills it some time after its first write and returns which
// write it began last and which was the last of those it knew to be kept.
func killWriter(t *testing.T, dir string, first int, after time.Duration, env ...string) (put, kept int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerDir+"="+dir, fmt.Sprintf("%s_FIRST=%d", writerDir, first))
	cmd.Env = append(cmd.Env, env...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	put, kept = -1, -1
	var kill *time.Timer
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if kill == nil {
			kill = time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
		word, number, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Error(err)
		}
		if word == "kept" {
			kept = n
		} else {
			put = n
		}
	}
	if err := cmd.Wait(); err == nil || complaint.Len() > 0 || put < first {
		t.Fatalf("writer from %d: %v after %d: %s", first, err, put, complaint.String())
	}
	return put, kept
}

// What was put a second before the process is killed is there, though nobody waited for
// it to be written.
func TestKilledASecondLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	put, _ := killWriter(t, dir, 0, time.Second, writerDir+"_ONLY=100")
	if put != 99 {
		t.Fatalf("put %d bodies", put+1)
	}
	s := openBadger(t, dir)
	for i := range 100 {
		if viewOf(s, writerKey(i), sha256.Sum256(writerBody(i))) == nil {
			t.Errorf("body %d, put a second before, is lost", i)
		}
	}
}

func viewOf(s Store, k Key, d Digest) *Representation {
	for _, r := range s.Lookup(k) {
		if r.Body == d {
			return &r
		}
	}
	return nil
}
