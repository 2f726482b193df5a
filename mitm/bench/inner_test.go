package main

import "testing"

// A metric is found by its unit in the line of its benchmark, whatever the machine's name
// for that is.
func TestMetric(t *testing.T) {
	const line = "BenchmarkLease/credentials=500-2         \t   40290\t     26114 ns/op\t   12416 B/op\t       2 allocs/op\n"
	for _, tt := range []struct {
		line, part, unit string
		want             float64
		found            bool
	}{
		{line, "Lease/credentials=500", "ns/op", 26114, true},
		{line, "Lease/credentials=500", "allocs/op", 2, true},
		{line, "", "B/op", 12416, true},
		{line, "Lease/credentials=50", "ns/op", 0, false},
		{line, "Lease/credentials=500", "MiB/built", 0, false},
		{"BenchmarkMillion-2 1 339.5 MiB/built\n", "", "MiB/built", 339.5, true},
		{"BenchmarkMillion 1 339.5 MiB/built\n", "Million", "MiB/built", 339.5, true},
		{"ok octopool/store 12 s\n", "", "s", 0, false},
		{"PASS\n", "", "ns/op", 0, false},
	} {
		if got, ok := metric(tt.line, tt.part, tt.unit); got != tt.want || ok != tt.found {
			t.Errorf("%s of %q in %q: %v, %v", tt.unit, tt.part, tt.line, got, ok)
		}
	}
}
