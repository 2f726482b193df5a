// Command standin runs the GitHub stand-in as a program, for scripts that put a
// proxy and real tools in front of it.
//
//	go run ./mitm/githubtest/standin --dir DIR [--world demo|empty] [--app]
//
// It writes into DIR what such a script needs: ca.pem, the root that vouches for
// the stand-in; addr, where the stand-in listens, as host:port; and control, the
// base URL of a plain HTTP listener on loopback that says what the stand-in saw
// and changes its world; with --app also app.pem, the key of a GitHub App that is
// installed on acme, and app, its id and that of the installation. When all are there it
// prints one line,
//
//	ready ADDR CONTROL
//
// and it ends on SIGTERM or an interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"octopool/mitm/githubtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program. It returns the exit status: 2 for bad usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("standin", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "", "folder to write ca.pem, addr and control into")
	world := flags.String("world", "demo", "what is there to begin with: demo or empty")
	app := flags.Bool("app", false, "install a GitHub App on acme and write app.pem and app")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if *dir == "" || flags.NArg() > 0 || *world != "demo" && *world != "empty" {
		fmt.Fprintln(stderr, "usage: standin --dir DIR [--world demo|empty] [--app]")
		return 2
	}
	if err := serve(ctx, *dir, worldOf(*world, *app), stdout); err != nil {
		fmt.Fprintln(stderr, "standin:", err)
		return 1
	}
	return 0
}

// worldOf fills a server, and says which files tell of that.
func worldOf(name string, app bool) func(*githubtest.Server) map[string]string {
	return func(s *githubtest.Server) map[string]string {
		if name == "demo" {
			addDemo(s)
		}
		if !app {
			return nil
		}
		return addApp(s)
	}
}

// serve plays GitHub until ctx ends.
func serve(ctx context.Context, dir string, fill func(*githubtest.Server) map[string]string, stdout io.Writer) error {
	s := githubtest.New()
	defer s.Close()
	files := map[string]string{"ca.pem": string(s.CAPEM()), "addr": s.Addr() + "\n"}
	maps.Copy(files, fill(s))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: control(s), ReadHeaderTimeout: 10 * time.Second}
	defer server.Close()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }() // returns at Close

	base := "http://" + listener.Addr().String()
	files["control"] = base + "\n"
	if err := announce(dir, files); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "ready %s %s\n", s.Addr(), base)
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// announce writes files whole: who finds one may read it at once.
func announce(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		mode := os.FileMode(0o644)
		if name == "app.pem" { // a key is its owner's alone
			mode = 0o600
		}
		if err := os.WriteFile(path+".new", []byte(content), mode); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}
