package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// runInner runs the Go benchmarks of octopool's rooms that have a budget.
func runInner(ctx context.Context, e environment, args []string) error {
	if err := parse(flag.NewFlagSet("inner", flag.ContinueOnError), e, args); err != nil {
		return err
	}
	missed := false
	for _, one := range innerBenchmarks() {
		found, err := goBench(ctx, e, one)
		if err != nil {
			return err
		}
		missed = missed || found
	}
	if missed {
		return errMissed
	}
	return nil
}

// A goBenchmark is one of a package's and what its metrics may be.
type goBenchmark struct {
	pkg, pattern string
	times        string // of -benchtime
	budgets      []goBudget
}

// A goBudget bounds one metric of a benchmark, or of its part of this name.
type goBudget struct {
	part, unit, about string
	most              float64
}

func innerBenchmarks() []goBenchmark {
	const ns = "ns/op"
	return []goBenchmark{
		{"./policy", "^BenchmarkAuthorize$", "1s", []goBudget{
			{"allowed", ns, "authorize, 1,000 clients of 10 scopes: allowed", 1000},
			{"refused", ns, "authorize, 1,000 clients of 10 scopes: refused", 1000},
		}},
		{"./policy/pool", "^BenchmarkLease(Steady)?$", "1s", []goBudget{
			{"Lease/credentials=500", ns, "lease of 500 credentials, and settle", 5000},
			{"LeaseSteady/credentials=500", ns, "lease of 500 credentials for a write", 5000},
		}},
		{"./mitm", "^Benchmark(IdentifyByOIDC|MintedAgain)$", "1s", []goBudget{
			{"IdentifyByOIDC/first/RS256", ns, "client by OIDC, RS256: first request", 200_000},
			{"IdentifyByOIDC/again/RS256", ns, "client by OIDC, RS256: others", 2000},
			{"IdentifyByOIDC/first/ES256", ns, "client by OIDC, ES256: first request", 200_000},
			{"IdentifyByOIDC/again/ES256", ns, "client by OIDC, ES256: others", 2000},
			{"MintedAgain", ns, "client by a minted token: other requests", 2000},
		}},
		{"./mitm", "^BenchmarkMintedFirst$", "500x", []goBudget{
			{"MintedFirst", ns, "client by a minted token: first request", 200_000},
		}},
		{"./mitm/exchange", "^BenchmarkFreshHit", "1s", []goBudget{
			{"", "allocs/op", "allocations of a fresh hit", 60},
		}},
		{"./store", "^BenchmarkMillion$", "1x", []goBudget{
			{"", "MiB/VmRSS-built", "a million representations, built", 400},
			{"", "MiB/VmRSS-opened", "a million representations, opened", 400},
			{"", "s/open", "a million representations: seconds to open", 2},
		}},
	}
}

// goBench runs one and holds what it prints against its budgets.
func goBench(ctx context.Context, e environment, b goBenchmark) (missed bool, err error) {
	cmd := exec.CommandContext(ctx, "go", "test", b.pkg, "-run", "^$", "-bench", b.pattern, "-benchtime", b.times, "-benchmem", "-timeout", "10m")
	cmd.Dir = e.source
	var out, wrong bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, e.stdout), &wrong
	if err := cmd.Run(); err != nil {
		return false, fmt.Errorf("%s: %w\n%s%s", b.pkg, err, out.Bytes(), wrong.Bytes())
	}
	for _, budget := range b.budgets {
		worst := -1.0
		for line := range strings.Lines(out.String()) {
			if value, ok := metric(line, budget.part, budget.unit); ok {
				worst = max(worst, value)
			}
		}
		if worst < 0 {
			return false, fmt.Errorf("%s %s: no %s for %q", b.pkg, b.pattern, budget.unit, budget.part)
		}
		missed = e.took(budget.figure(worst)) || missed
	}
	return missed, nil
}

func (b goBudget) figure(value float64) figure {
	if b.unit == "ns/op" {
		return figure{b.about, "", time.Duration(value).String(), "≤ " + time.Duration(b.most).String(), value > b.most}
	}
	unit := strings.TrimSuffix(b.unit, "/op")
	unit, _, _ = strings.Cut(unit, "/")
	return figure{b.about, "", fmt.Sprintf("%.4g %s", value, unit), fmt.Sprintf("≤ %.4g %s", b.most, unit), value > b.most}
}

// metric reads a value from a line of a benchmark's, as go test prints it:
// BenchmarkName/part-2   100   12 ns/op   3 allocs/op.
func metric(line, part, unit string) (value float64, ok bool) {
	words := strings.Fields(line)
	if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
		return 0, false
	}
	name := words[0]
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i]
	}
	if part != "" && !strings.HasSuffix(name, "/"+part) && name != "Benchmark"+part {
		return 0, false
	}
	for i := 3; i < len(words); i += 2 {
		if words[i] == unit {
			value, err := strconv.ParseFloat(words[i-1], 64)
			return value, err == nil
		}
	}
	return 0, false
}
