//go:build !linux

package store

func mappedFiles() int64 { return 0 }

func dropMapped(func(name string) bool) error { return nil }
