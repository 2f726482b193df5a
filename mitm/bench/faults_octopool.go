package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// scribble overwrites what the store's values lie in, while octopool has it open.
func (w *troubled) scribble() error {
	files, err := filepath.Glob(filepath.Join(w.dir, "data", "store", "*.vlog"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no values to overwrite: %w", err)
	}
	for _, name := range files {
		file, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = file.WriteAt(bytes.Repeat([]byte{0xa5}, 256<<10), 512)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// idleClients is more than octopool has descriptors for where they are few.
const idleClients = 200

// manyIdle has many clients connect and say nothing.
func manyIdle(_ context.Context, w *troubled) (leave func() error, err error) {
	var idle []net.Conn
	leave = func() error {
		for _, c := range idle {
			c.Close()
		}
		return nil
	}
	for range idleClients {
		c, err := net.DialTimeout("tcp", w.at.Load().Host, patience)
		if err != nil {
			leave()
			return nil, err
		}
		idle = append(idle, c)
	}
	return leave, nil
}

// Large answers: so many at a time of so many bytes, each about as large as may be stored.
const (
	largeCount = 24
	largeSize  = 7 << 20
)

// largeAnswers has clients fetch large answers, all at a time and each twice.
func largeAnswers(ctx context.Context, w *troubled) (func() error, error) {
	text := func(i int) string {
		return `["` + strings.Repeat(fmt.Sprintf("%08d", i), largeSize/8) + `"]`
	}
	w.more = largeCount
	for i := range largeCount {
		w.github.Set(fmt.Sprint("/bench/large/", i), text(i))
	}
	var all sync.WaitGroup
	errs := make([]error, largeCount)
	for i := range largeCount {
		all.Go(func() {
			for range 2 {
				body, err := w.large(ctx, i)
				if err == nil && body != text(i) {
					err = fmt.Errorf("%w: large answer %d has %d bytes", errWrong, i, len(body))
				}
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	return func() error {
		all.Wait()
		return errors.Join(errs...)
	}, nil
}

func (w *troubled) large(ctx context.Context, i int) (string, error) {
	t := w.transport(flavour{gzip: i%2 == 0})
	defer t.CloseIdleConnections()
	in, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprint(gitHubAPI, "/bench/large/", i), nil)
	if err != nil {
		panic(err) // a bug: the URL is ours
	}
	in.Header = bearer(w.token(i % w.clients))
	resp, err := (&http.Client{Transport: t}).Do(in)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}
